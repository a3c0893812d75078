// swift-tools-version: 6.2
import PackageDescription

let here = Context.packageDirectory

// Exclusivity is proven by the tests (debug builds check it); at run time it costs 10 ns a property access. Type layouts let
// the runtime copy and destroy optional references through tables, which takes ten times what the code in place does.
let engineSettings: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked", "-Xfrontend", "-disable-type-layout"], .when(configuration: .release)),
]

// The runtime linked in, which makes counting references cheaper, and what of it Sources/MartletKernels/objects.c replaces.
let runtimeFlags = [
    "-static-stdlib", "-use-ld=lld", "-Xlinker", "--wrap=swift_retain", "-Xlinker", "--wrap=swift_release",
    "-Xlinker", "--wrap=swift_slowAlloc", "-Xlinker", "--wrap=swift_slowDealloc",
]
// Programs that are linked as libmartlet.so is.
let staticRuntime: [LinkerSetting] = [.unsafeFlags(runtimeFlags, .when(platforms: [.linux]))]

let package = Package(
    name: "martlet",
    products: [
        .library(name: "Martlet", targets: ["Martlet"]),
        .library(name: "martlet", type: .dynamic, targets: ["MartletC", "MartletBridge", "MartletDylib"]),
    ],
    targets: [
        .systemLibrary(name: "CMartlet", path: "include"),
        // Loops at -O0 would make debug tests crawl.
        .target(
            name: "MartletKernels", cSettings: [.unsafeFlags(["-O2"], .when(configuration: .debug))],
            linkerSettings: [.linkedLibrary("m")]),
        .target(name: "Martlet", dependencies: ["MartletKernels"], swiftSettings: engineSettings),
        .target(name: "MartletC", dependencies: ["Martlet", "CMartlet"], swiftSettings: engineSettings),
        // The second door of the Python face; names CPython's functions only through dlsym.
        .target(name: "MartletBridge", cSettings: [.headerSearchPath("../../include")], linkerSettings: [.linkedLibrary("dl")]),
        // Carries the link settings of libmartlet.so alone: the runtime linked in, exports cut to mt_*.
        .target(
            name: "MartletDylib", exclude: ["martlet.map"],
            linkerSettings: [
                .unsafeFlags(
                    runtimeFlags + [
                        "-Xlinker", "--version-script=\(here)/Sources/MartletDylib/martlet.map",
                        "-Xlinker", "-soname=libmartlet.so.0",
                        "-Xlinker", "-z", "-Xlinker", "nodelete",
                    ], .when(platforms: [.linux]))
            ]),
        // Programs over the C API and over the Swift face; `make test` runs them.
        .executableTarget(
            name: "ExampleIris", dependencies: ["MartletC"], cSettings: [.headerSearchPath("../../include")],
            linkerSettings: [.linkedLibrary("m")]),
        .executableTarget(
            name: "ExampleDynamicNet", dependencies: ["MartletC"], cSettings: [.headerSearchPath("../../include")],
            linkerSettings: [.linkedLibrary("m")]),
        .executableTarget(name: "ExampleIrisSwift", dependencies: ["Martlet"]),
        .executableTarget(name: "ExampleDynamicNetSwift", dependencies: ["Martlet"]),
        // Steps of the benchmark from C and from Swift; `make bench` builds them.
        .executableTarget(
            name: "BenchmarkC", dependencies: ["MartletC"], cSettings: [.headerSearchPath("../../include")],
            linkerSettings: staticRuntime + [.linkedLibrary("m")]),
        .executableTarget(name: "BenchmarkSwift", dependencies: ["Martlet"], linkerSettings: staticRuntime),
        .testTarget(name: "MartletTests", dependencies: ["Martlet", "MartletC", "CMartlet", "MartletKernels"]),
    ],
    swiftLanguageModes: [.v5]
)
