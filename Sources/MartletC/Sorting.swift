import CMartlet
import Martlet

// Sorting, order statistics, searching and counting.

@_cdecl("mt_sort") @implementation
public func mt_sort(
    _ self_: mt_tensor?, _ dim: Int64, _ descending: Int32, _ stable: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status { pair(out) { try T(self_, "self").sort(Int(dim), descending: descending != 0, stable: stable != 0) } }

@_cdecl("mt_argsort") @implementation
public func mt_argsort(_ self_: mt_tensor?, _ dim: Int64, _ descending: Int32, _ stable: Int32) -> mt_tensor? {
    result { try T(self_, "self").argsort(Int(dim), descending: descending != 0, stable: stable != 0) }
}

@_cdecl("mt_msort") @implementation
public func mt_msort(_ self_: mt_tensor?) -> mt_tensor? { result { try T(self_, "self").msort() } }

@_cdecl("mt_topk") @implementation
public func mt_topk(
    _ self_: mt_tensor?, _ k: Int64, _ dim: Int64, _ largest: Int32, _ sorted: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status { pair(out) { try T(self_, "self").topk(Int(k), Int(dim), largest: largest != 0, sorted: sorted != 0) } }

@_cdecl("mt_kthvalue") @implementation
public func mt_kthvalue(
    _ self_: mt_tensor?, _ k: Int64, _ dim: Int64, _ keepdim: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status { pair(out) { try T(self_, "self").kthvalue(Int(k), Int(dim), keepDim: keepdim != 0) } }

@_cdecl("mt_median") @implementation
public func mt_median(_ self_: mt_tensor?, _ ignoreNaN: Int32) -> mt_tensor? {
    result { ignoreNaN != 0 ? try T(self_, "self").nanmedian() : try T(self_, "self").median() }
}

@_cdecl("mt_median_dim") @implementation
public func mt_median_dim(
    _ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32, _ ignoreNaN: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    pair(out) {
        let x = try T(self_, "self")
        return ignoreNaN != 0 ? try x.nanmedian(Int(dim), keepDim: keepdim != 0) : try x.median(Int(dim), keepDim: keepdim != 0)
    }
}

@_cdecl("mt_mode") @implementation
public func mt_mode(_ self_: mt_tensor?, _ dim: Int64, _ keepdim: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?) -> mt_status {
    pair(out) { try T(self_, "self").mode(Int(dim), keepDim: keepdim != 0) }
}

@_cdecl("mt_quantile") @implementation
public func mt_quantile(
    _ self_: mt_tensor?, _ q: mt_tensor?, _ dim: Int64, _ keepdim: Int32, _ interpolation: Int32, _ ignoreNaN: Int32
) -> mt_tensor? {
    result {
        guard let way = Tensor.Interpolation(rawValue: Int(interpolation)) else {
            throw MartletError.value("mt_quantile: unknown interpolation \(interpolation)")
        }
        return try T(self_, "self").quantile(
            T(q, "q"), optionalInt(dim), keepDim: keepdim != 0, way, ignoringNaN: ignoreNaN != 0)
    }
}

@_cdecl("mt_searchsorted") @implementation
public func mt_searchsorted(
    _ boundaries: mt_tensor?, _ values: mt_tensor?, _ right: Int32, _ sorter: mt_tensor?, _ int32: Int32
) -> mt_tensor? {
    result {
        try Tensor.searchsorted(
            T(boundaries, "boundaries"), T(values, "values"), right: right != 0, sorter: optional(sorter, "sorter"),
            int32: int32 != 0)
    }
}

@_cdecl("mt_bucketize") @implementation
public func mt_bucketize(_ self_: mt_tensor?, _ boundaries: mt_tensor?, _ right: Int32, _ int32: Int32) -> mt_tensor? {
    result { try T(self_, "self").bucketize(T(boundaries, "boundaries"), right: right != 0, int32: int32 != 0) }
}

@_cdecl("mt_bincount") @implementation
public func mt_bincount(_ self_: mt_tensor?, _ weights: mt_tensor?, _ minLength: Int64) -> mt_tensor? {
    result { try T(self_, "self").bincount(weights: optional(weights, "weights"), minLength: Int(minLength)) }
}

@_cdecl("mt_histc") @implementation
public func mt_histc(_ self_: mt_tensor?, _ bins: Int64, _ low: Double, _ high: Double) -> mt_tensor? {
    result { try T(self_, "self").histc(bins: Int(bins), low: low, high: high) }
}

@_cdecl("mt_unique") @implementation
public func mt_unique(
    _ self_: mt_tensor?, _ dim: Int64, _ consecutive: Int32, _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    results(out) {
        let x = try T(self_, "self")
        let d = optionalInt(dim)
        let (values, inverse, counts) = consecutive != 0 ? try x.uniqueConsecutive(d) : try x.unique(d)
        return [values, inverse, counts]
    }
}
