import CMartlet
import Martlet

// Steps of the caller's own, and hooks on steps.

/// Lends tensors to a callback for the length of `body`.
private func lending<R>(_ list: [Tensor?], _ body: ([mt_tensor?]) throws -> R) rethrows -> R {
    let handles = list.map { $0.map { own($0) } }
    defer { for h in handles { disown(h) } }
    return try body(handles)
}

@_cdecl("mt_function_attach") @implementation
public func mt_function_attach(
    _ function: UnsafePointer<mt_function>?, _ out: UnsafeMutablePointer<mt_tensor?>?, _ node: UnsafeMutablePointer<mt_node?>?
) -> mt_status {
    status {
        guard let f = function?.pointee, let out else { throw MartletError(.handle, "mt_function_attach: NULL argument") }
        guard f.size >= UInt32(MemoryLayout<mt_function>.size) else {
            throw MartletError.value("mt_function_attach: function->size is too small; start from MT_FUNCTION_INIT")
        }
        let held = Context(f.context, f.destroy)
        guard let backward = f.backward else { throw MartletError(.handle, "mt_function_attach: backward is NULL") }
        let inputs = try optionals(f.inputs, f.n_inputs, "inputs")
        let materialize = f.materialize != 0
        let (results, made) = try Autograd.attach(
            f.name.map { String(cString: $0) } ?? "Function", inputs: inputs,
            outputs: tensors(f.outputs, f.n_outputs, "outputs"), saved: optionals(f.saved, f.n_saved, "saved"),
            changed: tensors(f.changed, f.n_changed, "changed"), constant: tensors(f.constant, f.n_constant, "constant"),
            materialize: { materialize }
        ) { node, g in
            var made = [mt_tensor?](repeating: nil, count: inputs.count)
            let code = lending(g) { lent in
                let n = own(node)
                defer { disown(n) }
                return backward(held.pointer, n, lent, Int32(lent.count), &made, Int32(made.count))
            }
            let grads = made.map { adopt($0) }
            if code != 0 { throw CallbackFailure() }
            return grads
        }
        for (i, r) in results.enumerated() { out[i] = own(r) }
        node?.pointee = made.map { own($0) }
    }
}

@_cdecl("mt_node_saved") @implementation
public func mt_node_saved(_ node: mt_node?, _ i: Int32) -> mt_tensor? {
    value(nil) { try object(node, Node.self, "node", #function).savedTensor(Int(i)).map { own($0) } }
}

@_cdecl("mt_node_saved_count") @implementation
public func mt_node_saved_count(_ node: mt_node?) -> Int32 {
    value(-1) { Int32(try object(node, Node.self, "node", #function).savedCount) }
}

@_cdecl("mt_node_register_hook") @implementation
public func mt_node_register_hook(
    _ node: mt_node?, _ before: Int32, _ hook: mt_node_hook?, _ context: UnsafeMutableRawPointer?,
    _ destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
) -> Int64 {
    let held = Context(context, destroy)
    return value(0) {
        let node = try object(node, Node.self, "node", #function)
        guard let hook else { throw MartletError(.handle, "mt_node_register_hook: hook is NULL") }
        try node.checkTakesHooks()
        func run(_ inputs: [Tensor?], _ outputs: [Tensor?], _ count: Int) throws -> [Tensor?]? {
            var replaced = [mt_tensor?](repeating: nil, count: max(count, 1))
            let code = lending(inputs) { a in
                lending(outputs) { b in hook(held.pointer, a, Int32(a.count), b, Int32(b.count), &replaced) }
            }
            if code < 0 { throw CallbackFailure() }
            return code == 0 ? nil : replaced.prefix(count).map { adopt($0) }
        }
        if before != 0 { return Int64(node.registerPreHook { try run([], $0, $0.count) }) }
        return Int64(node.registerHook { try run($0, $1, $0.count) })
    }
}

@_cdecl("mt_node_remove_hook") @implementation
public func mt_node_remove_hook(_ node: mt_node?, _ hook: Int64) -> mt_status {
    status { try object(node, Node.self, "node", #function).removeHook(Int(hook)) }
}
