import CMartlet
import Glibc
import Martlet

// Recording, gradients, nodes and hooks.

@_cdecl("mt_grad_enabled") @implementation
public func mt_grad_enabled() -> Int32 { GradMode.isEnabled ? 1 : 0 }

@_cdecl("mt_set_grad_enabled") @implementation
public func mt_set_grad_enabled(_ enabled: Int32) -> Int32 {
    let before = GradMode.isEnabled
    GradMode.isEnabled = enabled != 0
    return before ? 1 : 0
}

@_cdecl("mt_inference_mode") @implementation
public func mt_inference_mode() -> Int32 { GradMode.isInference ? 1 : 0 }

@_cdecl("mt_set_inference_mode") @implementation
public func mt_set_inference_mode(_ enabled: Int32) -> Int32 {
    let before = GradMode.isInference
    GradMode.isInference = enabled != 0
    return before ? 1 : 0
}

@_cdecl("mt_set_requires_grad") @implementation
public func mt_set_requires_grad(_ t: mt_tensor?, _ on: Int32) -> mt_status {
    status { try T(t, "t").requiresGrad(on != 0) }
}

@_cdecl("mt_grad") @implementation
public func mt_grad(_ t: mt_tensor?) -> mt_tensor? { optionalResult { try T(t, "t").grad } }

@_cdecl("mt_set_grad") @implementation
public func mt_set_grad(_ t: mt_tensor?, _ grad: mt_tensor?) -> mt_status {
    status { try T(t, "t").setGrad(optional(grad, "grad")) }
}

@_cdecl("mt_retain_grad") @implementation
public func mt_retain_grad(_ t: mt_tensor?) -> mt_status { status { try T(t, "t").retainGrad() } }

@_cdecl("mt_retains_grad") @implementation
public func mt_retains_grad(_ t: mt_tensor?) -> Int32 { value(-1) { try T(t, "t").retainsGrad ? 1 : 0 } }

@_cdecl("mt_backward") @implementation
public func mt_backward(_ t: mt_tensor?, _ gradient: mt_tensor?, _ retain: Int32, _ create: Int32) -> mt_status {
    status {
        try T(t, "t").backward(
            gradient: optional(gradient, "gradient"), retainGraph: retain != 0, createGraph: create != 0)
    }
}

@_cdecl("mt_backward_many") @implementation
public func mt_backward_many(
    _ list: UnsafePointer<mt_tensor?>?, _ gradients: UnsafePointer<mt_tensor?>?, _ n: Int32, _ retain: Int32,
    _ create: Int32, _ inputs: UnsafePointer<mt_tensor?>?, _ count: Int32
) -> mt_status {
    status {
        try Autograd.backward(
            tensors(list, n, "tensors"), gradients: optionals(gradients, n, "gradients"), retainGraph: retain != 0,
            createGraph: create != 0, inputs: inputs == nil ? nil : tensors(inputs, count, "inputs"))
    }
}

@_cdecl("mt_autograd_grad") @implementation
public func mt_autograd_grad(
    _ outputs: UnsafePointer<mt_tensor?>?, _ n: Int32, _ inputs: UnsafePointer<mt_tensor?>?, _ count: Int32,
    _ seeds: UnsafePointer<mt_tensor?>?, _ retain: Int32, _ create: Int32, _ allowUnused: Int32, _ materialize: Int32,
    _ out: UnsafeMutablePointer<mt_tensor?>?
) -> mt_status {
    status {
        guard let out else { throw MartletError(.handle, "mt_autograd_grad: out is NULL") }
        let grads = try Autograd.grad(
            tensors(outputs, n, "outputs"), tensors(inputs, count, "inputs"), gradOutputs: optionals(seeds, n, "grad_outputs"),
            retainGraph: retain != 0, createGraph: create != 0, allowUnused: allowUnused != 0, materialize: materialize != 0)
        for (i, g) in grads.enumerated() {
            out[i] = g.map { own($0) }
            if let h = out[i] { noteInScope(h) }
        }
    }
}

@_cdecl("mt_detach") @implementation
public func mt_detach(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").detach() } }

@_cdecl("mt_detach_") @implementation
public func mt_detach_(_ t: mt_tensor?) -> mt_status { status { try T(t, "t").detachInPlace() } }

@_cdecl("mt_tensor_data") @implementation
public func mt_tensor_data(_ t: mt_tensor?) -> mt_tensor? { result { try T(t, "t").dataAlias() } }

@_cdecl("mt_set_data") @implementation
public func mt_set_data(_ t: mt_tensor?, _ source: mt_tensor?) -> mt_status {
    status { try T(t, "t").setData(T(source, "source")) }
}

@_cdecl("mt_set_nan_checks") @implementation
public func mt_set_nan_checks(_ enabled: Int32) -> Int32 {
    let before = Autograd.checksNaN
    Autograd.checksNaN = enabled != 0
    return before ? 1 : 0
}

@_cdecl("mt_is_view") @implementation
public func mt_is_view(_ t: mt_tensor?) -> Int32 { value(-1) { try T(t, "t").base == nil ? 0 : 1 } }

@_cdecl("mt_base") @implementation
public func mt_base(_ t: mt_tensor?) -> mt_tensor? { optionalResult { try T(t, "t").base } }

// MARK: Nodes

private func N(_ h: mt_node?, _ op: StaticString = #function) throws -> Node { try object(h, Node.self, "node", op) }

@_cdecl("mt_grad_fn") @implementation
public func mt_grad_fn(_ t: mt_tensor?) -> mt_node? { value(nil) { try T(t, "t").gradFn.map { own($0) } } }

@_cdecl("mt_node_release") @implementation
public func mt_node_release(_ node: mt_node?) { disown(node) }

@_cdecl("mt_node_name") @implementation
public func mt_node_name(_ node: mt_node?) -> UnsafeMutablePointer<CChar>? { value(nil) { strdup(try N(node).name) } }

@_cdecl("mt_node_next_count") @implementation
public func mt_node_next_count(_ node: mt_node?) -> Int32 { value(-1) { Int32(try N(node).shownEdges.count) } }

@_cdecl("mt_node_next") @implementation
public func mt_node_next(_ node: mt_node?, _ i: Int32, _ slot: UnsafeMutablePointer<Int32>?) -> mt_node? {
    value(nil) {
        let edges = try N(node).shownEdges
        guard i >= 0 && Int(i) < edges.count else {
            throw MartletError.index("mt_node_next: input \(i) of a node with \(edges.count)")
        }
        guard let e = edges[Int(i)] else { return nil }
        slot?.pointee = Int32(e.index)
        return own(e.node)
    }
}

@_cdecl("mt_node_variable") @implementation
public func mt_node_variable(_ node: mt_node?) -> mt_tensor? { value(nil) { try N(node).leaf.map { own($0) } } }

// MARK: Hooks

/// Frees a caller's context when the closure that holds it goes.
final class Context {
    let pointer: UnsafeMutableRawPointer?
    private let destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    init(_ p: UnsafeMutableRawPointer?, _ d: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?) {
        pointer = p
        destroy = d
    }
    deinit { destroy?(pointer) }
}

/// Takes over a tensor that a callback returned as owned.
func adopt(_ h: mt_tensor?) -> Tensor? {
    guard let h else { return nil }
    let t = Unmanaged<Tensor>.fromOpaque(UnsafeRawPointer(h)).takeUnretainedValue()
    disown(h)
    return t
}

@_cdecl("mt_register_hook") @implementation
public func mt_register_hook(
    _ t: mt_tensor?,
    _ hook: (@convention(c) (UnsafeMutableRawPointer?, mt_tensor?, UnsafeMutablePointer<Int32>?) -> mt_tensor?)?,
    _ context: UnsafeMutableRawPointer?, _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
) -> Int64 {
    let held = Context(context, destroy)
    return value(0) {
        guard let hook else { throw MartletError(.handle, "mt_register_hook: hook is NULL") }
        return Int64(
            try T(t, "t").registerHook { g in
                let lent = own(g)
                defer { disown(lent) }
                var failed: Int32 = 0
                let made = hook(held.pointer, lent, &failed)
                if failed != 0 { throw CallbackFailure() }
                return adopt(made)
            })
    }
}

@_cdecl("mt_register_post_accumulate_grad_hook") @implementation
public func mt_register_post_accumulate_grad_hook(
    _ t: mt_tensor?, _ hook: (@convention(c) (UnsafeMutableRawPointer?) -> Int32)?, _ context: UnsafeMutableRawPointer?,
    _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
) -> Int64 {
    let held = Context(context, destroy)
    return value(0) {
        guard let hook else { throw MartletError(.handle, "mt_register_post_accumulate_grad_hook: hook is NULL") }
        return Int64(
            try T(t, "t").registerPostAccumulateGradHook { _ in
                if hook(held.pointer) != 0 { throw CallbackFailure() }
            })
    }
}

@_cdecl("mt_remove_hook") @implementation
public func mt_remove_hook(_ t: mt_tensor?, _ hook: Int64) -> mt_status { status { try T(t, "t").removeHook(Int(hook)) } }
