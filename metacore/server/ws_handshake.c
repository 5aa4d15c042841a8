/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/ws_internal.h"

#include <openssl/evp.h>

#define KEY_TEXT_LEN 24 /* 16 bytes in base64 */
#define SHA1_LEN 20

/* Whether one of the headers of that name lists token, in any case (RFC 9110 section 5.6.1). */
static bool lists(const mc_message *message, mc_str name, mc_str token)
{
    for (size_t i = 0; i < message->header_count; i++) {
        mc_str rest = message->headers[i].value, part;

        if (!mc_str_eq(message->headers[i].name, name))
            continue;
        while (mc_str_split(&rest, ',', &part)) {
            if (mc_str_eq_nocase(mc_str_trim(part), token))
                return true;
        }
    }
    return false;
}

/* 16 bytes in canonical base64: 22 digits, the last of which has four zero bits, and "==". */
static bool is_key(mc_str key)
{
    if (key.len != KEY_TEXT_LEN || key.ptr[22] != '=' || key.ptr[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.ptr[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            return false;
    }
    return key.ptr[21] == 'A' || key.ptr[21] == 'Q' || key.ptr[21] == 'g' || key.ptr[21] == 'w';
}

mc_code mc_upgrade_check(const mc_message *message, int *out_status, mc_err *err)
{
    size_t keys, versions;
    mc_str key = mc_message_header(message, MC_STR("sec-websocket-key"), &keys);
    mc_str version = mc_message_header(message, MC_STR("sec-websocket-version"), &versions);
    const char *wrong = NULL;

    *out_status = 426;
    if (!lists(message, MC_STR("upgrade"), MC_STR("websocket")) ||
        !lists(message, MC_STR("connection"), MC_STR("upgrade")))
        return mc_fail(err, MC_INVALID, "Upgrade Required");
    if (versions != 1 || !mc_str_eq(version, MC_STR("13")))
        return mc_fail(err, MC_INVALID, "WebSocket version 13 required");
    *out_status = 400;
    if (!mc_str_eq(message->method, MC_STR("GET")))
        wrong = "the method is not GET";
    else if (message->is_1_0)
        wrong = "HTTP/1.1 is needed";
    else if (message->body.len || message->is_body_in_file)
        wrong = "the request has a body";
    else if (keys != 1 || !is_key(key))
        wrong = "Sec-WebSocket-Key is not one key of 16 bytes";
    if (wrong)
        return mc_fail(err, MC_INVALID, "WebSocket handshake: %s", wrong);
    return MC_OK;
}

bool mc__ws_accept(mc_str key, char out[MC__WS_ACCEPT_LEN])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_TEXT_LEN + sizeof(guid)];
    unsigned char digest[SHA1_LEN], encoded[MC__WS_ACCEPT_LEN + 1];
    unsigned len = 0;

    if (key.len != KEY_TEXT_LEN)
        return false;
    memcpy(text, key.ptr, KEY_TEXT_LEN);
    memcpy(text + KEY_TEXT_LEN, guid, sizeof(guid) - 1);
    /* No secret: the digest only proves that the answer is to this question. */
    if (EVP_Digest(text, KEY_TEXT_LEN + sizeof(guid) - 1, digest, &len, EVP_sha1(), NULL) != 1)
        return false;
    (void)EVP_EncodeBlock(encoded, digest, SHA1_LEN); /* 28 bytes and a NUL: fixed */
    memcpy(out, encoded, MC__WS_ACCEPT_LEN);
    return true;
}
