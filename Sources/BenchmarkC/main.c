/* Times steps over the C API as python/benchmarks/bench.py asks: lines of fields between tabs on standard input, a JSON
 * line for each on standard output. See python/benchmarks/worker.py for what the lines mean; besides, `peak` gives the
 * rate of arithmetic that this core reaches.
 *
 *     BenchmarkC THREADS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "benchmark.h"
#include "martlet.h"

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double now(void) { return seconds_of(CLOCK_MONOTONIC); }

void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, mt_last_error_message());
    exit(1);
}

static double run(const workload *w, long n) {
    static long i; /* goes on from call to call, as a training does */
    double start = now();
    for (long k = 0; k < n; k++) {
        mt_scope_begin();
        w->step(i++);
        mt_scope_end();
    }
    return now() - start;
}

/* How many steps take about a tenth of a second. */
static long calibrated(const workload *w) {
    w->make();
    run(w, 20);
    long n = 1;
    for (;;) {
        double took = run(w, n);
        if (took > 0.07) return n;
        long wanted = (long)((double)n * 0.1 / (took > 1e-9 ? took : 1e-9));
        n = wanted > 10 * n ? 10 * n : wanted > n ? wanted : n + 1;
    }
}

int main(int argc, char **argv) {
    mt_set_num_threads(argc > 1 ? atoi(argv[1]) : 1);
    mt_manual_seed(0);
    puts("{\"version\": \"\"}");
    fflush(stdout);
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *command = strtok(line, "\t"), *variant = strtok(NULL, "\t"), *name = strtok(NULL, "\t"), *n = strtok(NULL, "\t");
        const workload *w = NULL;
        for (int k = 0; name && variant && k < workload_count; k++)
            if (!strcmp(workloads[k].name, name)) w = &workloads[k];
        if (command && !strcmp(command, "peak")) {
            printf("{\"flops\": %.9g}\n", peak_flops());
        } else if (command && !strcmp(command, "drop")) {
            puts("{}");
        } else if (!w || !command) {
            puts("{\"missing\": \"not written in C\"}");
        } else if (!strcmp(command, "make")) {
            printf("{\"n\": %ld}\n", calibrated(w));
        } else if (!strcmp(command, "time") && n) {
            double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), took = run(w, atol(n));
            printf("{\"seconds\": %.9g, \"cpu\": %.9g}\n", took, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
        } else {
            puts("{\"error\": \"no such command\"}");
        }
        fflush(stdout);
    }
    return 0;
}
