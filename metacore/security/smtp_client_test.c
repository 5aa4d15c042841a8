/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/smtp_client.h"

#include "mc_mailbox.h"
#include "mc_test.h"

#include <stdio.h>
#include <unistd.h>

#define FROM MC_STR("metacore@example.com")
#define TO MC_STR("anna@example.com")
#define MESSAGE                                                                                    \
    MC_STR("Subject: x\r\n\r\n.begins with a dot\r\n..with two\r\n.\r\nand goes on\r\n.end\r\n")

static mc_mailbox box;
static const char *at_step, *with;
static bool hangs, closes;

static mc_mailbox_reaction decide(void *user, const char *step, const char *arg)
{
    (void)user;
    (void)arg;
    if (!at_step || strcmp(step, at_step) != 0)
        return (mc_mailbox_reaction){NULL, false, false};
    return (mc_mailbox_reaction){with, hangs, closes};
}

static bool start(bool offers_tls, bool is_tls, bool offers_auth)
{
    at_step = with = NULL;
    hangs = closes = false;
    box = (mc_mailbox){
        .decide = decide, .offers_tls = offers_tls, .is_tls = is_tls, .offers_auth = offers_auth};
    return mc_mailbox_start(&box);
}

/* One mail by a client of its own; host is how the server is called. */
static mc_code send_by(const mc_smtp_client_config *given, const char *host, mc_str to,
                       int *out_status, mc_err *err)
{
    mc_smtp_client_config config = *given;
    mc_arena *arena = mc_arena_new(0);
    mc_smtp_client *client = NULL;
    char url[100];
    mc_code rc;

    (void)snprintf(url, sizeof(url), "%s://%s:%u", box.is_tls ? "smtps" : "smtp", host, box.port);
    config.struct_size = sizeof(config);
    config.url = mc_z(url);
    rc = mc_smtp_client_new(&config, &client, err);
    if (rc == MC_OK)
        rc = mc_smtp_client_send(client, arena, FROM, to, MESSAGE, out_status, err);
    mc_smtp_client_free(client);
    mc_arena_free(arena);
    return rc;
}

MC_TEST("a mail arrives as it was given, dots and all, and its sender says goodbye")
{
    const mc_mail_received *mail;
    int status = 0;
    mc_err err;

    MC_REQUIRE(start(false, false, false));
    MC_EXPECT_OK(send_by(&(mc_smtp_client_config){.tls = MC_SMTP_TLS_OFF,
                                                  .hello = MC_STR("app.example.com")},
                         "127.0.0.1", TO, &status, &err),
                 &err);
    mail = mc_mailbox_get(&box, "anna@example.com", 0);
    MC_REQUIRE(mail);
    MC_EXPECT_EQ(status, 250);
    MC_EXPECT_Z(mc_z(mail->from), "metacore@example.com");
    MC_EXPECT_Z(mc_z(mail->hello), "app.example.com");
    MC_EXPECT_STR(mc_str_of(mail->data, mail->data_len), MESSAGE);
    MC_EXPECT_HAS(mc_z(mail->raw), "\r\n..begins with a dot\r\n...with two\r\n..\r\nand");
    MC_EXPECT_Z(mc_z(mail->credentials), "");
    MC_EXPECT_EQ(mc_mailbox_faults(&box), 0);
    mc_mailbox_stop(&box);
}

static const struct {
    const char *name;
    bool offers_tls, is_tls, trusts;
    mc_smtp_tls tls;
    const char *user, *host;
    mc_code code;
    const char *credentials; /* that arrived */
} ways[] = {
    {"STARTTLS, then the password", true, false, true, MC_SMTP_TLS_REQUIRED, "me", "localhost",
     MC_OK, "me:p@ss:word"},
    {"TLS from the first byte", false, true, true, MC_SMTP_TLS_REQUIRED, "me", "localhost", MC_OK,
     "me:p@ss:word"},
    {"no password asked for", true, false, true, MC_SMTP_TLS_REQUIRED, "", "localhost", MC_OK, ""},
    {"a relay of this machine, in the clear", false, false, true, MC_SMTP_TLS_OFF, "me",
     "localhost", MC_OK, "me:p@ss:word"},
    {"a server without STARTTLS", false, false, true, MC_SMTP_TLS_REQUIRED, "me", "localhost",
     MC_UNAVAILABLE, NULL},
    {"a certificate that nobody signed", true, false, false, MC_SMTP_TLS_REQUIRED, "me",
     "localhost", MC_UNAVAILABLE, NULL},
    {"a certificate of another name", false, true, true, MC_SMTP_TLS_REQUIRED, "me", "127.0.0.1",
     MC_UNAVAILABLE, NULL},
};

MC_TEST("TLS is asked for and checked before a password is said")
{
    for (size_t i = 0; i < MC_LEN(ways); i++) {
        mc_smtp_client_config config = {.tls = ways[i].tls, .user = mc_z(ways[i].user)};
        const mc_mail_received *mail;
        mc_err err = {0};

        MC_CASE(ways[i].name);
        MC_REQUIRE(start(ways[i].offers_tls, ways[i].is_tls, true));
        config.password = config.user.len ? MC_STR("p@ss:word") : MC_STR("");
        if (ways[i].trusts)
            config.ca_file = mc_z(box.cert_file);
        MC_EXPECT_EQ(send_by(&config, ways[i].host, TO, NULL, &err), ways[i].code);
        mail = mc_mailbox_get(&box, NULL, 0);
        MC_EXPECT_EQ(mail != NULL, ways[i].code == MC_OK);
        if (mail) {
            MC_EXPECT_Z(mc_z(mail->credentials), ways[i].credentials);
            MC_EXPECT_EQ(mail->is_tls, ways[i].tls == MC_SMTP_TLS_REQUIRED);
        }
        MC_EXPECT_EQ(mc_mailbox_faults(&box), 0);
        mc_mailbox_stop(&box);
    }
}

static const struct {
    const char *name, *step, *answer;
    bool hangs, closes;
    mc_code code;
    const char *has;
} faults[] = {
    {"busy at the door", "CONNECT", "421 4.3.2 busy", false, false, MC_UNAVAILABLE, "421 4.3.2"},
    {"no service at all", "CONNECT", "554 5.3.2 no", false, false, MC_UNAVAILABLE, "554 5.3.2"},
    {"closes at the door", "CONNECT", NULL, false, true, MC_UNAVAILABLE, ""},
    {"hangs at the door", "CONNECT", NULL, true, false, MC_TIMEOUT, "in time"},
    {"a wrong password", "AUTH", "535 5.7.8 no", false, false, MC_UNAVAILABLE, ""},
    {"the sender is full", "MAIL", "452 4.3.1 full", false, false, MC_UNAVAILABLE, "452 4.3.1"},
    {"the sender is refused", "MAIL", "550 5.7.1 no", false, false, MC_REJECTED, "550 5.7.1"},
    {"wants a password", "MAIL", "530 5.7.0 who?", false, false, MC_UNAVAILABLE, "530 5.7.0"},
    {"grey", "RCPT", "450 4.2.0 later", false, false, MC_UNAVAILABLE, "450 4.2.0"},
    {"nobody of that name", "RCPT", "550 5.1.1 <anna@example.com> unknown", false, false,
     MC_REJECTED, "550 5.1.1"},
    {"closes before the data", "DATA", NULL, false, true, MC_UNAVAILABLE, ""},
    {"no data now", "DATA", "451 4.3.0 later", false, false, MC_UNAVAILABLE, "451 4.3.0"},
    {"no data ever", "DATA", "554 5.6.0 no", false, false, MC_REJECTED, "554 5.6.0"},
    {"closes in the middle of the data", "BODY", NULL, false, true, MC_UNAVAILABLE, ""},
    {"closes after the data", "END", NULL, false, true, MC_UNAVAILABLE, ""},
    {"hangs after the data", "END", NULL, true, false, MC_TIMEOUT, "in time"},
    {"too busy after the data", "END", "451 4.3.0 later", false, false, MC_UNAVAILABLE,
     "451 4.3.0"},
    {"it is spam", "END", "554 5.7.1 spam of anna@example.com", false, false, MC_REJECTED,
     "554 5.7.1"},
    {"hangs at the goodbye", "QUIT", NULL, true, false, MC_OK, ""},
    {"closes at the goodbye", "QUIT", NULL, false, true, MC_OK, ""},
};

MC_TEST("what the server says to this mail is final, all else is for another time")
{
    for (size_t i = 0; i < MC_LEN(faults); i++) {
        mc_smtp_client_config config = {.tls = MC_SMTP_TLS_OFF, .timeout_ms = 1500};
        mc_err err = {0};

        MC_CASE(faults[i].name);
        MC_REQUIRE(start(false, false, true));
        config.user = config.password = MC_STR("u");
        at_step = faults[i].step;
        with = faults[i].answer;
        hangs = faults[i].hangs;
        closes = faults[i].closes;
        MC_EXPECT_EQ(send_by(&config, "127.0.0.1", TO, NULL, &err), faults[i].code);
        MC_EXPECT_HAS(mc_z(err.msg), faults[i].has);
        MC_EXPECT(!strstr(err.msg, "anna"));
        MC_EXPECT_EQ(mc_mailbox_count(&box), faults[i].code == MC_OK);
        mc_mailbox_stop(&box);
    }
}

MC_TEST("nobody there is unavailable, and a client that is told to stop does")
{
    mc_arena *arena = mc_arena_new(0);
    mc_smtp_client *client = NULL;
    mc_err err = {0};

    MC_REQUIRE_OK(mc_smtp_client_new(&(mc_smtp_client_config){MC_SMTP_CLIENT_CONFIG,
                                                              .url = MC_STR("smtp://127.0.0.1:1")},
                                     &client, &err),
                  &err);
    MC_EXPECT_EQ(mc_smtp_client_send(client, arena, FROM, TO, MESSAGE, NULL, &err), MC_UNAVAILABLE);
    mc_smtp_client_stop(client);
    MC_EXPECT_EQ(mc_smtp_client_send(client, arena, FROM, TO, MESSAGE, NULL, &err), MC_UNAVAILABLE);
    MC_EXPECT_EQ(mc_smtp_client_send(client, arena, FROM, MC_STR("a@b\r\nRCPT TO:<c@d>"), MESSAGE,
                                     NULL, &err),
                 MC_INVALID);
    mc_smtp_client_free(client);
    mc_arena_free(arena);
}

static const struct {
    const char *address;
    bool is;
} addresses[] = {
    {"anna@example.com", true},
    {"a.b+c_d'e@sub.example.co", true},
    {"root@localhost", true},
    {"a@xn--mnchen-3ya.de", true},
    {"", false},
    {"anna", false},
    {"@example.com", false},
    {"anna@", false},
    {"anna@example.com.", false},
    {"anna@-example.com", false},
    {"anna@exam_ple.com", false},
    {"anna@example..com", false},
    {".anna@example.com", false},
    {"anna.@example.com", false},
    {"an..na@example.com", false},
    {"an na@example.com", false},
    {"anna@example.com>", false},
    {"<anna@example.com>", false},
    {"anna@example.com\r\nRCPT TO:<eve@example.com>", false},
    {"anna\n@example.com", false},
    {"anna@example.com,eve@example.com", false},
    {"anna@eve@example.com", false},
    {"\"anna eve\"@example.com", false},
    {"anna@[127.0.0.1]", false},
    {"\xc3\xa4nna@example.com", false},
    {"anna@m\xc3\xbcnchen.de", false},
    {"-oX@example.com", true},
    {"a123456789012345678901234567890123456789012345678901234567890123@example.com", true},
    {"a1234567890123456789012345678901234567890123456789012345678901234@example.com", false},
};

MC_TEST("an address is one mailbox of one host, in ASCII, and nothing that ends a line")
{
    for (size_t i = 0; i < MC_LEN(addresses); i++) {
        MC_CASE(addresses[i].address);
        MC_EXPECT_EQ(mc_smtp_is_address(mc_z(addresses[i].address)), addresses[i].is);
    }
}

static const struct {
    const char *name, *url, *user, *hello;
    mc_smtp_tls tls;
    bool is_good;
} configs[] = {
    {"a host", "smtp://mail.example.com", "", "", MC_SMTP_TLS_REQUIRED, true},
    {"a host and a port", "smtps://mail.example.com:465/", "u", "", MC_SMTP_TLS_REQUIRED, true},
    {"IPv6", "smtp://[::1]:25", "u", "", MC_SMTP_TLS_OFF, true},
    {"none", "", "", "", MC_SMTP_TLS_REQUIRED, false},
    {"another protocol", "http://mail.example.com", "", "", MC_SMTP_TLS_REQUIRED, false},
    {"credentials in the address", "smtp://u:p@mail.example.com", "", "", MC_SMTP_TLS_REQUIRED,
     false},
    {"a path", "smtp://mail.example.com/x", "", "", MC_SMTP_TLS_REQUIRED, false},
    {"no port", "smtp://mail.example.com:", "", "", MC_SMTP_TLS_REQUIRED, false},
    {"too high a port", "smtp://mail.example.com:65536", "", "", MC_SMTP_TLS_REQUIRED, false},
    {"a line end", "smtp://mail.example.com\r\n", "", "", MC_SMTP_TLS_REQUIRED, false},
    {"a name that is none", "smtp://mail.example.com", "", "a b", MC_SMTP_TLS_REQUIRED, false},
    {"a password in the clear", "smtp://mail.example.com", "u", "", MC_SMTP_TLS_OFF, false},
    {"a host that looks like this one", "smtp://127.example.com", "u", "", MC_SMTP_TLS_OFF, false},
};

MC_TEST("a configuration that would send in the clear, or to nowhere, is refused")
{
    for (size_t i = 0; i < MC_LEN(configs); i++) {
        mc_smtp_client_config config = {
            MC_SMTP_CLIENT_CONFIG,         .url = mc_z(configs[i].url),
            .user = mc_z(configs[i].user), .password = mc_z(configs[i].user),
            .tls = configs[i].tls,         .hello = mc_z(configs[i].hello)};
        mc_smtp_client *client = NULL;
        mc_err err;

        MC_CASE(configs[i].name);
        MC_EXPECT_EQ(mc_smtp_client_new(&config, &client, &err) == MC_OK, configs[i].is_good);
        mc_smtp_client_free(client);
    }
}
