/* SPDX-License-Identifier: Apache-2.0 */
/* What may be uploaded, and how it is told. */
#include "metacore/base/utf8.h"
#include "metacore/storage/files_internal.h"

typedef bool (*looks_fn)(mc_str bytes);

static bool has_at(mc_str bytes, size_t at, mc_str magic)
{
    return mc_str_eq(mc_str_slice(bytes, at, at + magic.len), magic);
}

static bool is_png(mc_str b)
{
    return has_at(b, 0, MC_STR("\x89PNG\r\n\x1a\n"));
}

static bool is_jpeg(mc_str b)
{
    return has_at(b, 0, MC_STR("\xff\xd8\xff"));
}

static bool is_gif(mc_str b)
{
    return has_at(b, 0, MC_STR("GIF87a")) || has_at(b, 0, MC_STR("GIF89a"));
}

static bool is_webp(mc_str b)
{
    return has_at(b, 0, MC_STR("RIFF")) && has_at(b, 8, MC_STR("WEBP"));
}

static bool is_pdf(mc_str b)
{
    return has_at(b, 0, MC_STR("%PDF-"));
}

static bool is_zip(mc_str b)
{
    return has_at(b, 0, MC_STR("PK\x03\x04")) || has_at(b, 0, MC_STR("PK\x05\x06"));
}

static bool is_mp4(mc_str b)
{
    return has_at(b, 4, MC_STR("ftyp"));
}

static bool is_mp3(mc_str b)
{
    return has_at(b, 0, MC_STR("ID3")) || has_at(b, 0, MC_STR("\xff\xfb"));
}

/* Text, and none that a browser could take for a page. */
static bool is_text(mc_str b)
{
    size_t at = mc_str_starts_with(b, MC_STR("\xef\xbb\xbf")) ? 3 : 0;

    while (at < b.len && (unsigned char)b.ptr[at] <= ' ')
        at++;
    return mc_str_find_char(b, 0, '\0') == b.len && mc_utf8_is_valid(b) &&
           !(at < b.len && b.ptr[at] == '<');
}

static const struct {
    mc__file_type type;
    looks_fn looks;
} types[] = {
    {{".png", "image/png", true}, is_png},
    {{".jpg", "image/jpeg", true}, is_jpeg},
    {{".jpeg", "image/jpeg", true}, is_jpeg},
    {{".gif", "image/gif", true}, is_gif},
    {{".webp", "image/webp", true}, is_webp},
    {{".pdf", "application/pdf", false}, is_pdf},
    {{".zip", "application/zip", false}, is_zip},
    {{".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
     is_zip},
    {{".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false}, is_zip},
    {{".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", false},
     is_zip},
    {{".odt", "application/vnd.oasis.opendocument.text", false}, is_zip},
    {{".ods", "application/vnd.oasis.opendocument.spreadsheet", false}, is_zip},
    {{".mp4", "video/mp4", false}, is_mp4},
    {{".mp3", "audio/mpeg", false}, is_mp3},
    {{".txt", "text/plain; charset=utf-8", false}, is_text},
    {{".md", "text/plain; charset=utf-8", false}, is_text},
    {{".csv", "text/csv; charset=utf-8", false}, is_text},
    {{".json", "application/json", false}, is_text},
};

const mc__file_type *mc__file_type_of(mc_str name, mc_str bytes)
{
    for (size_t i = 0; i < MC_LEN(types); i++) {
        mc_str ending = mc_z(types[i].type.ending);

        if (name.len > ending.len &&
            mc_str_eq_nocase(mc_str_slice(name, name.len - ending.len, name.len), ending))
            return types[i].looks(bytes) ? &types[i].type : NULL;
    }
    return NULL;
}

bool mc__file_is_inline(mc_str type)
{
    for (size_t i = 0; i < MC_LEN(types); i++) {
        if (mc_str_eq(mc_z(types[i].type.type), type))
            return types[i].type.is_inline;
    }
    return false;
}

/* Controls, path parts and what headers and shells quote with are no part of a name. */
mc_str mc__file_name(mc_arena *arena, mc_str name)
{
    mc_str ending, stem;
    mc_buf out;
    size_t dot;

    for (size_t i = name.len; i > 0; i--) {
        if (name.ptr[i - 1] == '/' || name.ptr[i - 1] == '\\') {
            name = mc_str_slice(name, i, name.len);
            break;
        }
    }
    name = mc_str_trim(name);
    while (name.len > 0 && name.ptr[0] == '.')
        name = mc_str_slice(name, 1, name.len);
    for (dot = name.len; dot > 0 && name.ptr[dot - 1] != '.'; dot--)
        ;
    ending = dot > 0 ? mc_str_slice(name, dot - 1, name.len) : MC_STR("");
    if (ending.len > 10)
        ending = MC_STR("");
    stem = mc_utf8_truncate(mc_str_slice(name, 0, name.len - ending.len),
                            MC_FILES_NAME_MAX - ending.len);
    mc_buf_init_arena(&out, arena, 0);
    for (size_t i = 0; i < stem.len; i++) {
        unsigned char c = (unsigned char)stem.ptr[i];

        mc_buf_char(&out, c < ' ' || c == 0x7f || strchr("\"\\/:*?<>|;%", c) ? '_' : (char)c);
    }
    if (out.len == 0)
        mc_buf_lit(&out, "file");
    mc_buf_str(&out, ending);
    return mc_buf_failed(&out) || !mc_utf8_is_valid(mc_buf_get(&out)) ? MC_STR("file")
                                                                      : mc_buf_get(&out);
}
