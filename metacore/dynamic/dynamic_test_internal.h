/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_TEST_INTERNAL_H
#define METACORE_DYNAMIC_TEST_INTERNAL_H

/* What the package's tests share: a service over a fresh database with the model "notes", whose
 * clock stands still, and every change it told. */

#include "metacore/dynamic/dynamic.h"

#include "mc_test.h"

#define TEST_NOW (INT64_C(1795516800) * MC_TIME_US_PER_S) /* 2026-11-24T12:00:00Z */

typedef struct dynamic_fixture {
    mc_db *db;
    mc_models *models;
    mc_dynamic *dynamic;
    mc_ctx ctx; /* somebody of an organization */
    mc_err err;
    const mc_model *notes;
    mc_str body;     /* of the last answer; in ctx's arena */
    char told[1024]; /* a line for each change: "updated code,title" */
} dynamic_fixture;

bool dynamic_setup(dynamic_fixture *f);
/* With the dispatcher, and who listens to writes or decides about them, of config (their user is
 * f), and nothing else. */
bool dynamic_setup_with(dynamic_fixture *f, const mc_dynamic_config *config);
void dynamic_teardown(dynamic_fixture *f);

/* In ctx->conn's transaction; input is JSON. */
mc_code dynamic_create(dynamic_fixture *f, const char *input, mc_uuid *out_id);
mc_code dynamic_update(dynamic_fixture *f, mc_uuid id, const char *input, mc_time *out_version);

/* A request as a host runs it; the status. body NULL: none. */
int dynamic_call(dynamic_fixture *f, const char *method, const char *path, const char *body);

/* Runs fn(f) in a transaction of its own. */
mc_code dynamic_run(dynamic_fixture *f, mc_code (*fn)(dynamic_fixture *f, mc_err *err));

#endif
