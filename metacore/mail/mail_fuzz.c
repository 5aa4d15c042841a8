/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/mail/mail.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_so)
{
    if (!is_so)
        abort();
}

/* How many headers there are, and that each line is one that a mail server takes. */
static int count_headers(mc_str message)
{
    mc_str rest = message, line;
    bool is_head = true;
    int headers = 0;

    require(mc_str_ends_with(message, MC_STR("\r\n")));
    rest.len--; /* its last line end ends it */
    while (mc_str_split(&rest, '\n', &line)) {
        require(line.len >= 1 && line.len <= 78 + 1); /* RFC 5322, 2.1.1 */
        require(rest.len == 0 || mc_str_ends_with(line, MC_STR("\r")));
        for (size_t i = 0; i + 1 < line.len; i++)
            require((line.ptr[i] >= ' ' && line.ptr[i] <= '~') || line.ptr[i] == '\t');
        if (is_head && line.len > 1 && line.ptr[0] != ' ')
            headers++;
        is_head = is_head && line.len > 1;
    }
    return headers;
}

/* Whatever is said, the headers are the same ones. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str all = mc_str_of((const char *)data, size);
    size_t half = size / 2, first = size < 60 ? size / 4 : 15;
    mc_mail mail = {.from = {mc_str_slice(all, 0, first), MC_STR("a@example.com")},
                    .to = {MC_STR(""), MC_STR("b@example.com")},
                    .subject = mc_str_slice(all, first, half),
                    .text = mc_str_slice(all, half, size)};
    mc_buf out;

    mc_buf_init(&out, 0);
    require(mc_mail_write(&mail, &out, NULL) == MC_OK);
    require(count_headers(mc_buf_get(&out)) == 8);
    mc_buf_clear(&out);
    mail.html = mail.text;
    require(mc_mail_write(&mail, &out, NULL) == MC_OK);
    require(count_headers(mc_buf_get(&out)) == 8);
    mc_buf_deinit(&out);
    return 0;
}
