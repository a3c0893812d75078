import MartletKernels

/// A BLAS and LAPACK of the user's beside the embedded kernels.
///
/// Where a library is loaded, products of the classes in ``table`` that it did faster when it was loaded go to it, and
/// the factorisations of larger matrices to its LAPACK where it has one (``Lapack``). What is timed differs from run to
/// run, and so may the last bits of results. MARTLET_BLAS in the environment names a library that is loaded before the
/// first product.
public enum Blas {
    /// One class of products: the size that stands for it, seconds on one thread, and who does it.
    public struct Line: Sendable {
        public let dtype: DType
        public let transposedA: Bool
        public let transposedB: Bool
        public let m: Int
        public let n: Int
        public let k: Int
        public let embeddedSeconds: Double
        public let blasSeconds: Double
        public let isUsed: Bool
    }

    /// Loads `openblas`, `blis`, `mkl`, or a library by its soname or path, and times it, which takes some tenths of a
    /// second. Its own threads are set to one, for the whole process; Martlet's spread the work. Throws `runtime`, with
    /// the names that were tried, where there is no such library or it lacks a function; what was in use stays so.
    public static func load(_ library: String) throws {
        try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 2048) { text in
            if mk_blas_load(library, text.baseAddress, text.count) != 0 {
                throw MartletError.runtime(String(cString: text.baseAddress!))
            }
        }
    }

    /// Goes back to the embedded kernels and gives the library its threads back.
    public static func unload() { mk_blas_unload() }

    /// The file of the library in use.
    public static var name: String? {
        let name = String(cString: mk_blas_name())
        return name.isEmpty ? nil : name
    }

    /// What was measured and decided; empty with no library loaded.
    public static var table: [Line] {
        var lines: [Line] = []
        var line = mk_blas_line()
        while mk_blas_table(Int32(lines.count), &line) != 0 {
            lines.append(
                Line(
                    dtype: line.is_double != 0 ? .float64 : .float32, transposedA: line.transposed_a != 0,
                    transposedB: line.transposed_b != 0, m: Int(line.m), n: Int(line.n), k: Int(line.k),
                    embeddedSeconds: line.embedded_seconds, blasSeconds: line.blas_seconds, isUsed: line.used != 0))
        }
        return lines
    }
}
