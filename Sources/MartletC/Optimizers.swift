import CMartlet
import Martlet

// Optimizers: objects, updates over lists, row policies, clipping.

private func O(_ h: mt_optimizer?, _ op: StaticString = #function) throws -> Optimizer {
    try object(h, Optimizer.self, "optimizer", op)
}

/// Options that may be left out; a size smaller than this version's is an error.
private func options<S>(_ p: UnsafePointer<S>?, _ fallback: S, _ size: KeyPath<S, UInt32>) throws -> S {
    guard let p else { return fallback }
    guard p.pointee[keyPath: size] >= UInt32(MemoryLayout<S>.size) else {
        throw MartletError.value("options: size is too small; start from the _INIT macro")
    }
    return p.pointee
}

private func sgd(_ p: UnsafePointer<mt_sgd_options>?) throws -> (Double, SGD.Options) {
    let c = try options(p, mt_sgd_options(size: 0, lr: 1e-3, momentum: 0, dampening: 0, weight_decay: 0, nesterov: 0, maximize: 0), \.size)
    var o = SGD.Options()
    (o.momentum, o.dampening, o.weightDecay) = (c.momentum, c.dampening, c.weight_decay)
    (o.nesterov, o.maximize) = (c.nesterov != 0, c.maximize != 0)
    return (c.lr, o)
}

private func adam(_ p: UnsafePointer<mt_adam_options>?) throws -> (Double, Adam.Options) {
    let c = try options(
        p,
        mt_adam_options(
            size: 0, lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0, amsgrad: 0, maximize: 0,
            decoupled_weight_decay: 0), \.size)
    var o = Adam.Options()
    (o.beta1, o.beta2, o.eps, o.weightDecay) = (c.beta1, c.beta2, c.eps, c.weight_decay)
    (o.amsgrad, o.maximize, o.decoupledWeightDecay) = (c.amsgrad != 0, c.maximize != 0, c.decoupled_weight_decay != 0)
    return (c.lr, o)
}

private func rmsprop(_ p: UnsafePointer<mt_rmsprop_options>?) throws -> (Double, RMSprop.Options) {
    let c = try options(
        p, mt_rmsprop_options(size: 0, lr: 1e-2, alpha: 0.99, eps: 1e-8, weight_decay: 0, momentum: 0, centered: 0, maximize: 0),
        \.size)
    var o = RMSprop.Options()
    (o.alpha, o.eps, o.weightDecay, o.momentum) = (c.alpha, c.eps, c.weight_decay, c.momentum)
    (o.centered, o.maximize) = (c.centered != 0, c.maximize != 0)
    return (c.lr, o)
}

private func adagrad(_ p: UnsafePointer<mt_adagrad_options>?) throws -> (Double, Adagrad.Options) {
    let c = try options(
        p,
        mt_adagrad_options(size: 0, lr: 1e-2, lr_decay: 0, weight_decay: 0, initial_accumulator_value: 0, eps: 1e-10, maximize: 0),
        \.size)
    var o = Adagrad.Options()
    (o.lrDecay, o.weightDecay, o.initialAccumulatorValue) = (c.lr_decay, c.weight_decay, c.initial_accumulator_value)
    (o.eps, o.maximize) = (c.eps, c.maximize != 0)
    return (c.lr, o)
}

private func made(_ body: () throws -> Optimizer) -> mt_optimizer? { value(nil) { own(try body()) } }

@_cdecl("mt_sgd") @implementation
public func mt_sgd(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_sgd_options>?) -> mt_optimizer? {
    made {
        let (lr, o) = try sgd(given)
        return try SGD(
            tensors(params, n, "params"), lr: lr, momentum: o.momentum, dampening: o.dampening, weightDecay: o.weightDecay,
            nesterov: o.nesterov, maximize: o.maximize)
    }
}

@_cdecl("mt_adam") @implementation
public func mt_adam(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_adam_options>?) -> mt_optimizer? {
    made {
        let (lr, o) = try adam(given)
        return try Adam(tensors(params, n, "params"), lr: lr, o)
    }
}

@_cdecl("mt_rmsprop") @implementation
public func mt_rmsprop(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_rmsprop_options>?) -> mt_optimizer? {
    made {
        let (lr, o) = try rmsprop(given)
        return try RMSprop(tensors(params, n, "params"), lr: lr, o)
    }
}

@_cdecl("mt_adagrad") @implementation
public func mt_adagrad(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_adagrad_options>?) -> mt_optimizer? {
    made {
        let (lr, o) = try adagrad(given)
        return try Adagrad(tensors(params, n, "params"), lr: lr, o)
    }
}

@_cdecl("mt_sparse_adam") @implementation
public func mt_sparse_adam(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_adam_options>?) -> mt_optimizer? {
    made {
        let (lr, o) = try adam(given)
        return try SparseAdam(tensors(params, n, "params"), lr: lr, betas: (o.beta1, o.beta2), eps: o.eps, maximize: o.maximize)
    }
}

@_cdecl("mt_optimizer_release") @implementation
public func mt_optimizer_release(_ optimizer: mt_optimizer?) { disown(optimizer) }

@_cdecl("mt_optimizer_add_group") @implementation
public func mt_optimizer_add_group(_ optimizer: mt_optimizer?, _ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ lr: Double) -> mt_status {
    status { try O(optimizer).addGroup(tensors(params, n, "params"), lr: lr) }
}

@_cdecl("mt_optimizer_step") @implementation
public func mt_optimizer_step(_ optimizer: mt_optimizer?) -> mt_status { status { try O(optimizer).step() } }

@_cdecl("mt_optimizer_zero_grad") @implementation
public func mt_optimizer_zero_grad(_ optimizer: mt_optimizer?, _ setToNone: Int32) -> mt_status {
    status { try O(optimizer).zeroGrad(setToNone: setToNone != 0) }
}

private func group(_ o: Optimizer, _ i: Int32) throws -> Int {
    guard i >= 0 && Int(i) < o.groups.count else {
        throw MartletError.index("parameter group \(i) of an optimizer with \(o.groups.count)")
    }
    return Int(i)
}

@_cdecl("mt_optimizer_set_lr") @implementation
public func mt_optimizer_set_lr(_ optimizer: mt_optimizer?, _ i: Int32, _ lr: Double) -> mt_status {
    status {
        let o = try O(optimizer)
        guard lr >= 0 else { throw MartletError.value("Invalid learning rate: \(lr)") }
        o.groups[try group(o, i)].lr = lr
    }
}

@_cdecl("mt_optimizer_get_lr") @implementation
public func mt_optimizer_get_lr(_ optimizer: mt_optimizer?, _ i: Int32) -> Double {
    value(.nan) {
        let o = try O(optimizer)
        return o.groups[try group(o, i)].lr
    }
}

@_cdecl("mt_optimizer_state") @implementation
public func mt_optimizer_state(_ optimizer: mt_optimizer?, _ param: mt_tensor?, _ name: UnsafePointer<CChar>?) -> mt_tensor? {
    value(nil) {
        guard let name else { throw MartletError(.handle, "mt_optimizer_state: name is NULL") }
        return try O(optimizer).state(of: T(param, "param")).tensors[String(cString: name)].map { own($0) }
    }
}

@_cdecl("mt_restrict_rows") @implementation
public func mt_restrict_rows(_ param: mt_tensor?, _ rows: mt_tensor?) -> mt_status {
    status { try T(param, "param").restrictUpdates(to: optional(rows, "rows")) }
}

@_cdecl("mt_over_restricted_rows") @implementation
public func mt_over_restricted_rows(_ grad: mt_tensor?, _ param: mt_tensor?) -> mt_tensor? {
    result { try T(grad, "grad").overUpdatableRows(of: T(param, "param")) }
}

@_cdecl("mt_restricted_rows") @implementation
public func mt_restricted_rows(_ param: mt_tensor?) -> mt_tensor? {
    value(nil) { try T(param, "param").updatableRows.map { own($0) } }
}

@_cdecl("mt_clip_grad_norm") @implementation
public func mt_clip_grad_norm(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ maxNorm: Double, _ kind: Double) -> mt_tensor? {
    result { try clipGradNorm(tensors(params, n, "params"), maxNorm: maxNorm, normType: kind) }
}

@_cdecl("mt_clip_grad_value") @implementation
public func mt_clip_grad_value(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32, _ limit: Double) -> mt_status {
    status { try clipGradValue(tensors(params, n, "params"), limit: limit) }
}

// MARK: Updates over lists

/// `update` for each parameter and its gradient, with a learning rate that replays may change.
private func eachUpdate(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ n: Int32, _ lr: Double,
    _ update: (_ i: Int, _ p: Tensor, _ g: Tensor) throws -> Void
) throws {
    Tape.beginUpdate(lr)
    defer { Tape.endUpdate() }
    for i in 0..<Int(Swift.max(n, 0)) {
        let p = try T(params?[i], "params")
        try withNoGrad { try update(i, p, T(grads?[i], "grads")) }
        p.noteUpdate()
    }
}

@_cdecl("mt_sgd_update") @implementation
public func mt_sgd_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ buffers: UnsafeMutablePointer<mt_tensor?>?,
    _ n: Int32, _ given: UnsafePointer<mt_sgd_options>?
) -> mt_status {
    status {
        let (lr, o) = try sgd(given)
        try eachUpdate(params, grads, n, lr) { i, p, g in
            var buffer = try optional(buffers?[i])
            let before = buffer
            try SGD.update(p, g, &buffer, lr: lr, o)
            if let buffer, buffer !== before { buffers?[i] = own(buffer) }
        }
    }
}

@_cdecl("mt_adam_update") @implementation
public func mt_adam_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ first: UnsafePointer<mt_tensor?>?,
    _ second: UnsafePointer<mt_tensor?>?, _ largest: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32,
    _ given: UnsafePointer<mt_adam_options>?
) -> mt_status {
    status {
        let (lr, o) = try adam(given)
        try eachUpdate(params, grads, n, lr) { i, p, g in
            try Adam.update(
                p, g, T(first?[i], "exp_avgs"), T(second?[i], "exp_avg_sqs"), optional(largest?[i], "max_exp_avg_sqs"),
                step: T(steps?[i], "steps").countStep(), lr: lr, o)
        }
    }
}

@_cdecl("mt_sparse_adam_update") @implementation
public func mt_sparse_adam_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ first: UnsafePointer<mt_tensor?>?,
    _ second: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_adam_options>?
) -> mt_status {
    status {
        let (lr, o) = try adam(given)
        try eachUpdate(params, grads, n, lr) { i, p, g in
            try SparseAdam.update(
                p, o.maximize ? g.neg() : g, T(first?[i], "exp_avgs"), T(second?[i], "exp_avg_sqs"),
                step: T(steps?[i], "steps").countStep(), lr: lr, betas: (o.beta1, o.beta2), eps: o.eps)
        }
    }
}

@_cdecl("mt_rmsprop_update") @implementation
public func mt_rmsprop_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ squares: UnsafePointer<mt_tensor?>?,
    _ means: UnsafePointer<mt_tensor?>?, _ buffers: UnsafePointer<mt_tensor?>?,
    _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_rmsprop_options>?
) -> mt_status {
    status {
        let (lr, o) = try rmsprop(given)
        try eachUpdate(params, grads, n, lr) { i, p, g in
            try RMSprop.update(
                p, g, T(squares?[i], "square_avgs"), optional(means?[i], "grad_avgs"), optional(buffers?[i], "buffers"), lr: lr, o)
            _ = try optional(steps?[i], "steps")?.countStep()
        }
    }
}

@_cdecl("mt_adagrad_update") @implementation
public func mt_adagrad_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ sums: UnsafePointer<mt_tensor?>?,
    _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_adagrad_options>?
) -> mt_status {
    status {
        let (lr, o) = try adagrad(given)
        try eachUpdate(params, grads, n, lr) { i, p, g in
            try Adagrad.update(p, g, T(sums?[i], "sums"), step: T(steps?[i], "steps").countStep(), lr: lr, o)
        }
    }
}

@_cdecl("mt_adadelta_update") @implementation
public func mt_adadelta_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ squares: UnsafePointer<mt_tensor?>?,
    _ deltas: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32,
    _ given: UnsafePointer<mt_adadelta_options>?
) -> mt_status {
    status {
        let c = try options(
            given, mt_adadelta_options(size: 0, lr: 1, rho: 0.9, eps: 1e-6, weight_decay: 0, maximize: 0), \.size)
        var o = Adadelta.Options()
        (o.rho, o.eps, o.weightDecay, o.maximize) = (c.rho, c.eps, c.weight_decay, c.maximize != 0)
        try eachUpdate(params, grads, n, c.lr) { i, p, g in
            _ = try T(steps?[i], "steps").countStep()
            try Adadelta.update(p, g, T(squares?[i], "square_avgs"), T(deltas?[i], "acc_deltas"), lr: c.lr, o)
        }
    }
}

@_cdecl("mt_adamax_update") @implementation
public func mt_adamax_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ means: UnsafePointer<mt_tensor?>?,
    _ norms: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_adam_options>?
) -> mt_status {
    status {
        let (lr, o) = try adam(given)
        try eachUpdate(params, grads, n, lr) { i, p, g in
            let step = try T(steps?[i], "steps").countStep()
            try Adamax.update(p, g, T(means?[i], "exp_avgs"), T(norms?[i], "exp_infs"), step: step, lr: lr, o)
        }
    }
}

@_cdecl("mt_nadam_update") @implementation
public func mt_nadam_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ means: UnsafePointer<mt_tensor?>?,
    _ squares: UnsafePointer<mt_tensor?>?, _ products: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?,
    _ n: Int32, _ given: UnsafePointer<mt_nadam_options>?
) -> mt_status {
    status {
        let c = try options(
            given,
            mt_nadam_options(
                size: 0, lr: 2e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0, momentum_decay: 4e-3, maximize: 0,
                decoupled_weight_decay: 0), \.size)
        var o = NAdam.Options()
        (o.beta1, o.beta2, o.eps, o.weightDecay) = (c.beta1, c.beta2, c.eps, c.weight_decay)
        (o.momentumDecay, o.maximize, o.decoupledWeightDecay) = (c.momentum_decay, c.maximize != 0, c.decoupled_weight_decay != 0)
        try eachUpdate(params, grads, n, c.lr) { i, p, g in
            let step = try T(steps?[i], "steps").countStep()
            try NAdam.update(
                p, g, T(means?[i], "exp_avgs"), T(squares?[i], "exp_avg_sqs"), T(products?[i], "mu_products"), step: step,
                lr: c.lr, o)
        }
    }
}

@_cdecl("mt_radam_update") @implementation
public func mt_radam_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ means: UnsafePointer<mt_tensor?>?,
    _ squares: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32, _ given: UnsafePointer<mt_adam_options>?
) -> mt_status {
    status {
        let (lr, o) = try adam(given)
        try eachUpdate(params, grads, n, lr) { i, p, g in
            let step = try T(steps?[i], "steps").countStep()
            try RAdam.update(p, g, T(means?[i], "exp_avgs"), T(squares?[i], "exp_avg_sqs"), step: step, lr: lr, o)
        }
    }
}

@_cdecl("mt_rprop_update") @implementation
public func mt_rprop_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ previous: UnsafePointer<mt_tensor?>?,
    _ stepSizes: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32,
    _ given: UnsafePointer<mt_rprop_options>?
) -> mt_status {
    status {
        let c = try options(
            given, mt_rprop_options(size: 0, etaminus: 0.5, etaplus: 1.2, step_size_min: 1e-6, step_size_max: 50, maximize: 0),
            \.size)
        var o = Rprop.Options()
        (o.etaMinus, o.etaPlus, o.smallest, o.largest) = (c.etaminus, c.etaplus, c.step_size_min, c.step_size_max)
        o.maximize = c.maximize != 0
        try eachUpdate(params, grads, n, 0) { i, p, g in
            _ = try T(steps?[i], "steps").countStep()
            try Rprop.update(p, g, T(previous?[i], "prevs"), T(stepSizes?[i], "step_sizes"), o)
        }
    }
}

@_cdecl("mt_asgd_update") @implementation
public func mt_asgd_update(
    _ params: UnsafePointer<mt_tensor?>?, _ grads: UnsafePointer<mt_tensor?>?, _ averages: UnsafePointer<mt_tensor?>?,
    _ mus: UnsafePointer<mt_tensor?>?, _ etas: UnsafePointer<mt_tensor?>?, _ steps: UnsafePointer<mt_tensor?>?, _ n: Int32,
    _ given: UnsafePointer<mt_asgd_options>?
) -> mt_status {
    status {
        let c = try options(
            given, mt_asgd_options(size: 0, lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weight_decay: 0, maximize: 0), \.size)
        var o = ASGD.Options()
        (o.lambd, o.alpha, o.t0, o.weightDecay, o.maximize) = (c.lambd, c.alpha, c.t0, c.weight_decay, c.maximize != 0)
        try eachUpdate(params, grads, n, c.lr) { i, p, g in
            let step = try T(steps?[i], "steps").countStep()
            try ASGD.update(p, g, T(averages?[i], "axs"), T(mus?[i], "mus"), T(etas?[i], "etas"), step: step, lr: c.lr, o)
        }
    }
}

@_cdecl("mt_clear_grads") @implementation
public func mt_clear_grads(_ params: UnsafePointer<mt_tensor?>?, _ n: Int32) -> mt_status {
    status { for i in 0..<Int(Swift.max(n, 0)) { try T(params?[i], "params").clearGrad() } }
}
