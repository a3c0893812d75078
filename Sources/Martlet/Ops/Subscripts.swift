/// `x[1]`, `x[0..., 2]`, `x[1..<3] = y`, `x[mask]`: views, and picks by tensors.
///
/// Like operators, subscripts stop the program on an index that does not fit; the throwing spellings are
/// ``Tensor/select(_:_:)``, ``Tensor/slice(_:_:_:step:)`` and ``Tensor/index(_:)``.
public protocol TensorIndex {
    /// The view of `t` that this index leaves of dimension `dim`, and the dimension that the next index is for.
    func apply(to t: Tensor, _ dim: Int) throws -> (view: Tensor, next: Int)
}

/// One place of a dimension, which then disappears; negative ones count from the end.
extension Int: TensorIndex {
    public func apply(to t: Tensor, _ dim: Int) throws -> (view: Tensor, next: Int) { (try t.select(dim, self), dim) }
}

extension Range: TensorIndex where Bound == Int {
    public func apply(to t: Tensor, _ dim: Int) throws -> (view: Tensor, next: Int) {
        (try t.slice(dim, lowerBound, upperBound), dim + 1)
    }
}

extension PartialRangeFrom: TensorIndex where Bound == Int {
    public func apply(to t: Tensor, _ dim: Int) throws -> (view: Tensor, next: Int) { (try t.slice(dim, lowerBound), dim + 1) }
}

extension PartialRangeUpTo: TensorIndex where Bound == Int {
    public func apply(to t: Tensor, _ dim: Int) throws -> (view: Tensor, next: Int) {
        (try t.slice(dim, nil, upperBound), dim + 1)
    }
}

extension Tensor {
    /// The view that integers and ranges leave, one for each leading dimension. Assigning copies into it.
    public subscript(_ indices: any TensorIndex...) -> Tensor {
        get { orTrap { try viewed(indices) } }
        set { orTrap { _ = try viewed(indices).copyInPlace(newValue) } }
    }

    /// The elements at a bool mask or at integer places of the first dimension. Assigning writes them.
    public subscript(_ picked: Tensor) -> Tensor {
        get { orTrap { try index([picked]) } }
        set { orTrap { _ = try indexPutInPlace([picked], newValue) } }
    }

    private func viewed(_ indices: [any TensorIndex]) throws -> Tensor {
        var (view, dim) = (self, 0)
        for index in indices {
            guard dim < view.rank else { throw MartletError.index("too many indices for tensor of dimension \(rank)") }
            (view, dim) = try index.apply(to: view, dim)
        }
        return view
    }
}
