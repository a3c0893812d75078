import MartletKernels

/// What the operations on batches of matrices share: checks in torch's words, copies to work on, failures.
extension Tensor {
    /// The sizes before the last two.
    var batchSizes: Dims { Dims(sizes.prefix(Swift.max(rank - 2, 0))) }
    var matrixRows: Int { sizes[rank - 2] }
    var matrixColumns: Int { sizes[rank - 1] }
    /// The number of matrices.
    var matrixCount: Int { batchSizes.product }

    /// Sizes of this batch with matrices (or, without `columns`, vectors) of another size.
    func batchSizes(_ rows: Int, _ columns: Int? = nil) -> Dims {
        var s = batchSizes
        s.append(rows)
        if let columns { s.append(columns) }
        return s
    }

    func requireMatrix(_ op: String, _ name: String = "A") throws {
        try refuseSparse(op)
        guard rank >= 2 else {
            throw MartletError.runtime("\(op): The input tensor \(name) must have at least 2 dimensions.")
        }
    }

    func requireSquare(_ op: String, _ name: String = "A") throws {
        try requireMatrix(op, name)
        guard matrixRows == matrixColumns else {
            throw MartletError.runtime(
                "\(op): \(name) must be batches of square matrices, but they are \(matrixRows) by \(matrixColumns) matrices")
        }
    }

    /// Floating point; half types are refused, with "`kernel` not implemented" where torch's kernel is what refuses.
    func requireReal(_ op: String, kernel: String? = nil) throws {
        guard dtype.isFloatingPoint else {
            throw MartletError.runtime(
                "\(op): Expected a floating point or complex tensor as input. Got \(dtype.scalarTypeName)")
        }
        guard dtype.size >= 4 else {
            if let kernel { throw Tensor.unsupported(kernel, dtype) }
            throw MartletError.runtime("\(op): Low precision dtypes not supported. Got \(dtype.scalarTypeName)")
        }
    }

    /// A row-major copy in `dtype` (this one by default) that may be overwritten; without history.
    func matrixCopy(_ dtype: DType? = nil) throws -> Tensor {
        let out = try Tensor.empty(sizes, dtype ?? self.dtype)
        copyKernel(out, self)
        return out
    }

    /// This tensor converted without history.
    func plain(_ dtype: DType) throws -> Tensor { try withNoGrad { try to(dtype) } }

    /// `triangle(lower:diagonal:)` under torch's names.
    func triu(_ k: Int = 0) throws -> Tensor { try triangle(lower: false, diagonal: k) }
    func tril(_ k: Int = 0) throws -> Tensor { try triangle(lower: true, diagonal: k) }

    /// The diagonals of the matrices, a view.
    func matrixDiagonal() throws -> Tensor { try diagonal(offset: 0, -2, -1) }

    /// `I` of this tensor's dtype.
    func identity(_ n: Int) throws -> Tensor { try .eye(n, dtype: dtype) }
}

/// Where factorisations report failure: one number a matrix, 0 for success.
struct FactorInfo {
    let tensor: Tensor
    /// The numbers, for launches.
    let places: UnsafeMutablePointer<Int32>

    init(_ batch: Dims) throws {
        tensor = try .zeros(batch, .int32)
        places = tensor.typed(Int32.self)
    }

    /// Throws for the first failure (or the first with the number `only`), at each replay too; `message` gets its number.
    func check(
        _ op: String, kind: MartletError.Kind = .linalg, only: Int? = nil, _ message: @escaping (Int) -> String
    ) throws {
        let (places, count, isBatch) = (places, tensor.numel, tensor.rank > 0)
        func check() throws {
            for i in 0..<count where places[i] != 0 && (only == nil || only == Int(places[i])) {
                let element = isBatch ? "(Batch element \(i)): " : ""
                throw MartletError(kind, "\(op): \(element)\(message(Int(places[i])))")
            }
        }
        try withExtendedLifetime(tensor) { try check() }
        Tape.note("check", Tape.repeating(check))
    }

    static func singularInverse(_ i: Int) -> String {
        "The diagonal element \(i) is zero, the inversion could not be completed because the input matrix is singular."
    }
    static func notDecomposed(_ i: Int) -> String {
        let reason =
            i == notFinite
            ? "contained non-finite values"
            : "is ill-conditioned or has too many repeated singular values (error code: \(i))"
        return "The algorithm failed to converge because the input matrix \(reason)."
    }
    /// The number of a matrix that singular values are not sought of.
    static let notFinite = MK_LAPACK_NOT_FINITE
    static func noEigenvalues(_ i: Int) -> String {
        "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated eigenvalues (error code: \(i))."
    }
    static func notPositive(_ i: Int) -> String {
        "The factorization could not be completed because the input is not positive-definite (the leading minor of order \(i) is not positive-definite)."
    }
}
