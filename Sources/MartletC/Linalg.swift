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
