/* Steps of the benchmark's workloads, and the rate that they are held against. */
#ifndef BENCHMARK_H
#define BENCHMARK_H

/* A workload: `make` sets it up, `step` does step number i. */
typedef struct {
    const char *name;
    void (*make)(void);
    void (*step)(long i);
} workload;

extern const workload workloads[];
extern const int workload_count;

/* Ends the program with the library's message. */
void fail(const char *what);

double now(void);
/* Floating point operations in a second that one core reaches in multiply-adds on registers, measured now. */
double peak_flops(void);

#endif
