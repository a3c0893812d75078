// Times steps of the Swift face as python/benchmarks/bench.py asks: lines of fields between tabs on standard input, a
// JSON line for each on standard output. See python/benchmarks/worker.py for what the lines mean.
//
//     BenchmarkSwift THREADS

import Martlet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

func seconds(_ clock: clockid_t) -> Double {
    var t = timespec()
    clock_gettime(clock, &t)
    return Double(t.tv_sec) + 1e-9 * Double(t.tv_nsec)
}

/// The steps that were made, and the number of the next one.
var made: [String: Step] = [:]
var next = 0

func run(_ step: Step, _ n: Int) throws -> Double {
    let start = seconds(CLOCK_MONOTONIC)
    for _ in 0..<n {
        try step(next)
        next += 1
    }
    return seconds(CLOCK_MONOTONIC) - start
}

/// How many steps take about a tenth of a second.
func calibrated(_ step: Step) throws -> Int {
    _ = try run(step, 20)
    var n = 1
    while true {
        let took = try run(step, n)
        if took > 0.07 { return n }
        n = max(n + 1, min(10 * n, Int(Double(n) * 0.1 / max(took, 1e-9))))
    }
}

func answer(_ fields: [String]) throws -> String {
    if fields.first == "drop" {
        made = [:]
        return "{}"
    }
    guard fields.count >= 3, let make = makers[fields[2]] else { return #"{"missing": "not written in Swift"}"# }
    if fields[0] == "make" {
        let step = try make()
        made[fields[2]] = step
        return #"{"n": \#(try calibrated(step))}"#
    }
    guard fields[0] == "time", let step = made[fields[2]], fields.count == 4, let n = Int(fields[3]) else {
        return #"{"error": "no such command"}"#
    }
    let cpu = seconds(CLOCK_PROCESS_CPUTIME_ID)
    let took = try run(step, n)
    return #"{"seconds": \#(took), "cpu": \#(seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu)}"#
}

Threads.count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1
_ = manualSeed(0)
print(#"{"version": ""}"#)
fflush(stdout)
while let line = readLine() {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    do {
        print(try answer(fields))
    } catch {
        print(#"{"error": "\#("\(error)".filter { $0 != "\"" && $0 != "\n" })"}"#)
    }
    fflush(stdout)
}
