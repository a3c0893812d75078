/// Dropout: random zeros, the rest scaled up so that the mean stays.
extension Tensor {
    /// Each element is 0 with probability `p`, else divided by 1 - p. The tensor itself outside training or for p = 0.
    ///
    /// One uniform number is drawn for each element, in memory order, as torch draws them; none for p = 0 and 1.
    public func dropout(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) throws -> Tensor {
        guard p >= 0 && p <= 1 else {
            throw MartletError.runtime("dropout probability has to be between 0 and 1, but got \(shortText(p))")
        }
        if p == 0 || !training || numel == 0 { return self }
        guard (dtype == .float32 || dtype == .float64) && !isSparse else { return try mul(dropoutNoise(sizes, p, generator)) }
        let layout = try isContiguous ? nil : isDense ? strides : emptyLike().strides
        return try dropped(.draw(sizes, strides: layout, p, generator))
    }

    /// ``dropout(_:training:generator:)`` in place.
    @discardableResult
    public func dropoutInPlace(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) throws -> Tensor {
        guard p >= 0 && p <= 1 else {
            throw MartletError.runtime("dropout probability has to be between 0 and 1, but got \(shortText(p))")
        }
        if p == 0 || !training || numel == 0 { return self }
        return try mulInPlace(dropoutNoise(sizes, p, generator))
    }

    /// 0 or 1 / (1 - p), drawn for each element of `shape`; the number 0 for p = 1.
    private func dropoutNoise(_ shape: Dims, _ p: Double, _ generator: Generator?) throws -> Tensor {
        if p == 1 { return try .zeros([], dtype) }
        return try withNoGrad {
            let noise = try emptyLike(shape)
            try noise.bernoulli_(1 - p, generator: generator)
            return try noise.divInPlace(.number(1 - p))
        }
    }
}
