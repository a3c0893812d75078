import CMartlet
import Martlet

// Linear algebra on batches of matrices.

@_cdecl("mt_svd") @implementation
public func mt_svd(_ self_: mt_tensor?, _ full: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (u, s, vh) = try T(self_, "self").svd(full: full != 0)
        return [u, s, vh]
    }
}

@_cdecl("mt_svdvals") @implementation
public func mt_svdvals(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").svdvals() } }

@_cdecl("mt_eigh") @implementation
public func mt_eigh(_ self_: mt_tensor?, _ upper: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (l, v) = try T(self_, "self").eigh(upper: upper != 0)
        return [l, v]
    }
}

@_cdecl("mt_eigvalsh") @implementation
public func mt_eigvalsh(_ self_: mt_tensor?, _ upper: Int32) -> mt_tensor? {
    result { try T(self_, "self").eigvalsh(upper: upper != 0) }
}

@_cdecl("mt_qr") @implementation
public func mt_qr(_ self_: mt_tensor?, _ mode: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        guard let mode = QRMode(rawValue: mode) else { throw MartletError.value("mt_qr: unknown mode \(mode)") }
        let (q, r) = try T(self_, "self").qr(mode)
        return [q, r]
    }
}

@_cdecl("mt_inv") @implementation
public func mt_inv(_ self_: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").inv() }
}

@_cdecl("mt_inv_ex") @implementation
public func mt_inv_ex(_ self_: mt_tensor?, _ check: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (x, info) = try T(self_, "self").invEx(checkErrors: check != 0)
        return [x, info]
    }
}

@_cdecl("mt_solve") @implementation
public func mt_solve(_ a: mt_tensor?, _ b: mt_tensor?, _ left: Int32) -> mt_tensor? {
    result { try T(a, "a").solve(T(b, "b"), left: left != 0) }
}

@_cdecl("mt_solve_ex") @implementation
public func mt_solve_ex(_ a: mt_tensor?, _ b: mt_tensor?, _ left: Int32, _ check: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (x, info) = try T(a, "a").solveEx(T(b, "b"), left: left != 0, checkErrors: check != 0)
        return [x, info]
    }
}

@_cdecl("mt_solve_triangular") @implementation
public func mt_solve_triangular(_ a: mt_tensor?, _ b: mt_tensor?, _ upper: Int32, _ left: Int32, _ unit: Int32) -> mt_tensor? {
    result { try T(a, "a").solveTriangular(T(b, "b"), upper: upper != 0, left: left != 0, unit: unit != 0) }
}

@_cdecl("mt_triangular_solve") @implementation
public func mt_triangular_solve(_ b: mt_tensor?, _ a: mt_tensor?, _ upper: Int32, _ transpose: Int32, _ unit: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (x, copy) = try T(b, "b").triangularSolve(T(a, "a"), upper: upper != 0, transpose: transpose != 0, unit: unit != 0)
        return [x, copy]
    }
}

@_cdecl("mt_det") @implementation
public func mt_det(_ self_: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").det() }
}

@_cdecl("mt_slogdet") @implementation
public func mt_slogdet(_ self_: mt_tensor?, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (sign, log) = try T(self_, "self").slogdet()
        return [sign, log]
    }
}

@_cdecl("mt_logdet") @implementation
public func mt_logdet(_ self_: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").logdet() }
}

@_cdecl("mt_cholesky") @implementation
public func mt_cholesky(_ self_: mt_tensor?, _ upper: Int32) -> mt_tensor? {
    result { try T(self_, "self").cholesky(upper: upper != 0) }
}

@_cdecl("mt_cholesky_old") @implementation
public func mt_cholesky_old(_ self_: mt_tensor?, _ upper: Int32) -> mt_tensor? {
    result { try T(self_, "self").choleskyOld(upper: upper != 0) }
}

@_cdecl("mt_cholesky_ex") @implementation
public func mt_cholesky_ex(_ self_: mt_tensor?, _ upper: Int32, _ check: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (l, info) = try T(self_, "self").choleskyEx(upper: upper != 0, checkErrors: check != 0)
        return [l, info]
    }
}

@_cdecl("mt_cholesky_solve") @implementation
public func mt_cholesky_solve(_ self_: mt_tensor?, _ factor: mt_tensor?, _ upper: Int32) -> mt_tensor? {
    result { try T(self_, "self").choleskySolve(T(factor, "factor"), upper: upper != 0) }
}

@_cdecl("mt_cholesky_inverse") @implementation
public func mt_cholesky_inverse(_ factor: mt_tensor?, _ upper: Int32) -> mt_tensor? {
    result { try T(factor, "factor").choleskyInverse(upper: upper != 0) }
}

@_cdecl("mt_lu_factor") @implementation
public func mt_lu_factor(_ self_: mt_tensor?, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (lu, pivots) = try T(self_, "self").luFactor()
        return [lu, pivots]
    }
}

@_cdecl("mt_lu_factor_ex") @implementation
public func mt_lu_factor_ex(_ self_: mt_tensor?, _ check: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (lu, pivots, info) = try T(self_, "self").luFactorEx(checkErrors: check != 0)
        return [lu, pivots, info]
    }
}

@_cdecl("mt_lu") @implementation
public func mt_lu(_ self_: mt_tensor?, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (p, l, u) = try T(self_, "self").lu()
        return [p, l, u]
    }
}

@_cdecl("mt_lu_unpack") @implementation
public func mt_lu_unpack(_ packed: mt_tensor?, _ pivots: mt_tensor?, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        let (p, l, u) = try Tensor.luUnpack(T(packed, "packed"), T(pivots, "pivots"))
        return [p, l, u]
    }
}

@_cdecl("mt_lu_solve") @implementation
public func mt_lu_solve(_ packed: mt_tensor?, _ pivots: mt_tensor?, _ b: mt_tensor?, _ left: Int32, _ adjoint: Int32) -> mt_tensor? {
    result { try .luSolve(T(packed, "packed"), T(pivots, "pivots"), T(b, "b"), left: left != 0, adjoint: adjoint != 0) }
}

@_cdecl("mt_pinv") @implementation
public func mt_pinv(_ self_: mt_tensor?, _ atol: mt_tensor?, _ rtol: mt_tensor?, _ hermitian: Int32) -> mt_tensor? {
    result { try T(self_, "self").pinv(atol: optional(atol), rtol: optional(rtol), hermitian: hermitian != 0) }
}

@_cdecl("mt_matrix_rank") @implementation
public func mt_matrix_rank(_ self_: mt_tensor?, _ atol: mt_tensor?, _ rtol: mt_tensor?, _ hermitian: Int32) -> mt_tensor? {
    result { try T(self_, "self").matrixRank(atol: optional(atol), rtol: optional(rtol), hermitian: hermitian != 0) }
}

@_cdecl("mt_lstsq") @implementation
public func mt_lstsq(_ a: mt_tensor?, _ b: mt_tensor?, _ rcond: Double, _ driver: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    results(out) {
        guard let driver = LeastSquaresDriver(rawValue: driver) else { throw MartletError.value("mt_lstsq: unknown driver \(driver)") }
        let (x, residuals, rank, s) = try T(a, "a").lstsq(T(b, "b"), rcond: rcond.isNaN ? nil : rcond, driver: driver)
        return [x, residuals, rank, s]
    }
}

@_cdecl("mt_matrix_power") @implementation
public func mt_matrix_power(_ self_: mt_tensor?, _ n: Int64) -> mt_tensor? {
    result { try T(self_, "self").matrixPower(Int(n)) }
}

@_cdecl("mt_matrix_exp") @implementation
public func mt_matrix_exp(_ self_: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").matrixExp() }
}

@_cdecl("mt_cross") @implementation
public func mt_cross(_ self_: mt_tensor?, _ other: mt_tensor?, _ dim: Int64) -> mt_tensor? {
    result { try T(self_, "self").cross(T(other, "other"), optionalInt(dim)) }
}

@_cdecl("mt_householder_product") @implementation
public func mt_householder_product(_ self_: mt_tensor?, _ tau: mt_tensor?) -> mt_tensor? {
    result { try T(self_, "self").householderProduct(T(tau, "tau")) }
}
