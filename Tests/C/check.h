/* A few lines that make C tests read as tables. */
#ifndef CHECK_H
#define CHECK_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "martlet.h"

static int failures = 0, checks = 0;

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        checks++;                                                                            \
        if (!(condition)) {                                                                  \
            failures++;                                                                      \
            printf("%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, mt_last_error_message()); \
        }                                                                                    \
    } while (0)

/* The call failed with this code and a message containing `words`; the error is cleared for the next check. */
#define CHECK_ERROR(failed, code, words)                                                     \
    do {                                                                                     \
        mt_clear_error();                                                                    \
        int failed_ = (failed);                                                              \
        checks++;                                                                            \
        if (!failed_ || mt_last_error_code() != (code) || !strstr(mt_last_error_message(), (words))) {     \
            failures++;                                                                      \
            printf("%s:%d: %s: failed %d, code %d, message '%s'\n", __FILE__, __LINE__, #failed, failed_,  \
                   (int)mt_last_error_code(), mt_last_error_message());                      \
        }                                                                                    \
        mt_clear_error();                                                                    \
    } while (0)

#define NEAR(a, b) (fabs((double)(a) - (double)(b)) <= 1e-5 * (1 + fabs((double)(b))))
#define SHAPE(...) (const int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define LIST(...) (const mt_tensor[]){__VA_ARGS__}, (int32_t)(sizeof((mt_tensor[]){__VA_ARGS__}) / sizeof(mt_tensor))

static inline double item(mt_tensor t) {
    double v = NAN;
    return mt_item_f64(t, &v) ? NAN : v;
}

static int finish(void) {
    printf("%d checks, %d failed\n", checks, failures);
    return failures != 0;
}
#endif
