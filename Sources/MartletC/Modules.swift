import CMartlet
import Glibc
import Martlet

// Layers, models and first values of parameters.

private func M(_ h: mt_module?, _ op: StaticString = #function) throws -> Module {
    try object(h, Module.self, "module", op)
}

private func made(_ body: () throws -> Module) -> mt_module? { value(nil) { own(try body()) } }

@_cdecl("mt_module_release") @implementation
public func mt_module_release(_ module: mt_module?) { disown(module) }

// MARK: Constructors

@_cdecl("mt_nn_linear") @implementation
public func mt_nn_linear(_ in: Int64, _ out: Int64, _ bias: Int32, _ type: Int32) -> mt_module? {
    made { try Linear(Int(`in`), Int(out), bias: bias != 0, dtype: dtype(type)) }
}

@_cdecl("mt_nn_embedding") @implementation
public func mt_nn_embedding(_ count: Int64, _ dim: Int64, _ padding: Int64, _ sparse: Int32, _ type: Int32) -> mt_module? {
    made { try Embedding(Int(count), Int(dim), paddingIndex: optionalInt(padding), sparse: sparse != 0, dtype: dtype(type)) }
}

@_cdecl("mt_nn_layer_norm") @implementation
public func mt_nn_layer_norm(
    _ shape: UnsafePointer<Int64>?, _ n: Int32, _ eps: Double, _ affine: Int32, _ type: Int32
) -> mt_module? {
    made { try LayerNorm(dims(shape, n), eps: eps, affine: affine != 0, dtype: dtype(type)) }
}

@_cdecl("mt_nn_batch_norm1d") @implementation
public func mt_nn_batch_norm1d(
    _ channels: Int64, _ eps: Double, _ momentum: Double, _ affine: Int32, _ track: Int32, _ type: Int32
) -> mt_module? {
    made {
        try BatchNorm1d(
            Int(channels), eps: eps, momentum: momentum.isNaN ? nil : momentum, affine: affine != 0,
            tracksStatistics: track != 0, dtype: dtype(type))
    }
}

@_cdecl("mt_nn_batch_norm2d") @implementation
public func mt_nn_batch_norm2d(
    _ channels: Int64, _ eps: Double, _ momentum: Double, _ affine: Int32, _ track: Int32, _ type: Int32
) -> mt_module? {
    made {
        try BatchNorm2d(
            Int(channels), eps: eps, momentum: momentum.isNaN ? nil : momentum, affine: affine != 0,
            tracksStatistics: track != 0, dtype: dtype(type))
    }
}

@_cdecl("mt_nn_dropout") @implementation
public func mt_nn_dropout(_ p: Double) -> mt_module? { made { try Dropout(p) } }

@_cdecl("mt_nn_conv2d") @implementation
public func mt_nn_conv2d(
    _ in: Int64, _ out: Int64, _ kernel: UnsafePointer<Int64>?, _ stride: UnsafePointer<Int64>?,
    _ padding: UnsafePointer<Int64>?, _ dilation: UnsafePointer<Int64>?, _ groups: Int64, _ bias: Int32, _ type: Int32
) -> mt_module? {
    made {
        guard kernel != nil else { throw MartletError(.handle, "mt_nn_conv2d: the list 'kernel' is NULL") }
        return try Conv2d(
            Int(`in`), Int(out), kernel: ints(kernel, 2), stride: optionalInts(stride, 2) ?? [1],
            padding: optionalInts(padding, 2) ?? [0], dilation: optionalInts(dilation, 2) ?? [1], groups: Int(groups),
            bias: bias != 0, dtype: dtype(type))
    }
}

@_cdecl("mt_nn_max_pool2d") @implementation
public func mt_nn_max_pool2d(_ kernel: Int64, _ stride: Int64, _ padding: Int64) -> mt_module? {
    made { MaxPool2d(Int(kernel), stride: optionalInt(stride), padding: Int(padding)) }
}

@_cdecl("mt_nn_avg_pool2d") @implementation
public func mt_nn_avg_pool2d(_ kernel: Int64, _ stride: Int64, _ padding: Int64) -> mt_module? {
    made { AvgPool2d(Int(kernel), stride: optionalInt(stride), padding: Int(padding)) }
}

@_cdecl("mt_nn_flatten") @implementation
public func mt_nn_flatten(_ start: Int64, _ end: Int64) -> mt_module? { made { Flatten(Int(start), Int(end)) } }

@_cdecl("mt_nn_identity") @implementation
public func mt_nn_identity() -> mt_module? { made { Identity() } }

@_cdecl("mt_nn_relu") @implementation
public func mt_nn_relu() -> mt_module? { made { ReLU() } }

@_cdecl("mt_nn_leaky_relu") @implementation
public func mt_nn_leaky_relu(_ slope: Double) -> mt_module? { made { LeakyReLU(slope) } }

@_cdecl("mt_nn_elu") @implementation
public func mt_nn_elu(_ alpha: Double) -> mt_module? { made { ELU(alpha) } }

@_cdecl("mt_nn_tanh") @implementation
public func mt_nn_tanh() -> mt_module? { made { Tanh() } }

@_cdecl("mt_nn_sigmoid") @implementation
public func mt_nn_sigmoid() -> mt_module? { made { Sigmoid() } }

@_cdecl("mt_nn_silu") @implementation
public func mt_nn_silu() -> mt_module? { made { SiLU() } }

@_cdecl("mt_nn_gelu") @implementation
public func mt_nn_gelu(_ approximate: Int32) -> mt_module? { made { GELU(tanh: approximate != 0) } }

@_cdecl("mt_nn_softmax") @implementation
public func mt_nn_softmax(_ dim: Int64) -> mt_module? { made { Softmax(Int(dim)) } }

@_cdecl("mt_nn_log_softmax") @implementation
public func mt_nn_log_softmax(_ dim: Int64) -> mt_module? { made { LogSoftmax(Int(dim)) } }

@_cdecl("mt_nn_sequential") @implementation
public func mt_nn_sequential(_ modules: UnsafePointer<mt_module?>?, _ n: Int32) -> mt_module? {
    made {
        guard n >= 0, n == 0 || modules != nil else {
            throw MartletError(.handle, "mt_nn_sequential: the list 'modules' is NULL")
        }
        return Sequential(try (0..<Int(n)).map { try M(modules?[$0]) })
    }
}

@_cdecl("mt_nn_multihead_attention") @implementation
public func mt_nn_multihead_attention(
    _ dim: Int64, _ heads: Int64, _ dropout: Double, _ bias: Int32, _ batchFirst: Int32, _ type: Int32
) -> mt_module? {
    made {
        try MultiheadAttention(
            Int(dim), heads: Int(heads), dropout: dropout, bias: bias != 0, batchFirst: batchFirst != 0, dtype: dtype(type))
    }
}

@_cdecl("mt_nn_transformer_encoder_layer") @implementation
public func mt_nn_transformer_encoder_layer(
    _ dim: Int64, _ heads: Int64, _ options: UnsafePointer<mt_transformer_options>?
) -> mt_module? {
    made {
        if let options, options.pointee.size < UInt32(MemoryLayout<mt_transformer_options>.size) {
            throw MartletError.value("options: size is too small; start from the _INIT macro")
        }
        let o =
            options?.pointee
            ?? mt_transformer_options(
                size: 0, feed_forward: 2048, dropout: 0.1, eps: 1e-5, gelu: 0, batch_first: 0, norm_first: 0, bias: 1,
                dtype: -1)
        return try TransformerEncoderLayer(
            Int(dim), heads: Int(heads), feedForward: Int(o.feed_forward), dropout: o.dropout,
            activation: o.gelu != 0 ? .gelu : .relu, eps: o.eps, batchFirst: o.batch_first != 0,
            normFirst: o.norm_first != 0, bias: o.bias != 0, dtype: dtype(o.dtype))
    }
}

@_cdecl("mt_nn_transformer_encoder") @implementation
public func mt_nn_transformer_encoder(_ layer: mt_module?, _ n: Int64, _ norm: mt_module?) -> mt_module? {
    made {
        guard let layer = try M(layer) as? TransformerEncoderLayer else {
            throw MartletError(.type, "mt_nn_transformer_encoder: 'layer' is not a transformer encoder layer")
        }
        return try TransformerEncoder(layer, count: Int(n), norm: norm == nil ? nil : M(norm))
    }
}

// MARK: Use

@_cdecl("mt_module_forward") @implementation
public func mt_module_forward(_ module: mt_module?, _ x: mt_tensor?) -> mt_tensor? {
    result { try M(module)(T(x, "x")) }
}

@_cdecl("mt_module_attend") @implementation
public func mt_module_attend(
    _ module: mt_module?, _ query: mt_tensor?, _ key: mt_tensor?, _ value: mt_tensor?, _ keyPadding: mt_tensor?,
    _ mask: mt_tensor?, _ isCausal: Int32, _ weights: UnsafeMutablePointer<mt_tensor?>?
) -> mt_tensor? {
    result {
        guard let attention = try M(module) as? MultiheadAttention else {
            throw MartletError(.type, "mt_module_attend: the module is not a multi-head attention")
        }
        let made = try attention(
            T(query, "query"), T(key, "key"), T(value, "value"), keyPadding: optional(keyPadding, "key_padding"),
            needsWeights: weights != nil, mask: optional(mask, "mask"), isCausal: isCausal != 0)
        if let weights { weights.pointee = result { made.weights! } }
        return made.output
    }
}

@_cdecl("mt_module_encode") @implementation
public func mt_module_encode(
    _ module: mt_module?, _ x: mt_tensor?, _ mask: mt_tensor?, _ keyPadding: mt_tensor?, _ isCausal: Int32
) -> mt_tensor? {
    result {
        let m = try M(module)
        let (x, mask, keyPadding) = (try T(x, "x"), try optional(mask, "mask"), try optional(keyPadding, "key_padding"))
        if let layer = m as? TransformerEncoderLayer {
            return try layer(x, mask: mask, keyPadding: keyPadding, isCausal: isCausal != 0)
        }
        guard let encoder = m as? TransformerEncoder else {
            throw MartletError(.type, "mt_module_encode: the module is neither an encoder nor an encoder layer")
        }
        return try encoder(x, mask: mask, keyPadding: keyPadding, isCausal: isCausal != 0)
    }
}

@_cdecl("mt_module_train") @implementation
public func mt_module_train(_ module: mt_module?, _ on: Int32) -> mt_status { status { try M(module).train(on != 0) } }

@_cdecl("mt_module_is_training") @implementation
public func mt_module_is_training(_ module: mt_module?) -> Int32 { value(-1) { try M(module).isTraining ? 1 : 0 } }

@_cdecl("mt_module_zero_grad") @implementation
public func mt_module_zero_grad(_ module: mt_module?, _ setToNone: Int32) -> mt_status {
    status { try M(module).zeroGrad(setToNone: setToNone != 0) }
}

@_cdecl("mt_module_to") @implementation
public func mt_module_to(_ module: mt_module?, _ type: Int32) -> mt_status {
    status {
        let type = try dtype(type)
        guard type.isFloatingPoint else {
            throw MartletError(.type, "nn.Module.to only accepts floating point dtypes, but got desired dtype=\(type.name)")
        }
        try M(module).to(type)
    }
}

@_cdecl("mt_module_str") @implementation
public func mt_module_str(_ module: mt_module?) -> UnsafeMutablePointer<CChar>? {
    value(nil) { strdup(try M(module).description) }
}

// MARK: State

/// Writes names and tensors for a caller to own.
private func named(
    _ out: UnsafeMutablePointer<mt_named_tensors>?, _ body: () throws -> [(name: String, tensor: Tensor)]
) -> mt_status {
    status {
        guard let out else { throw MartletError(.handle, "the result pointer is NULL") }
        let entries = try body()
        let names = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: max(entries.count, 1))
        let items = UnsafeMutablePointer<mt_tensor?>.allocate(capacity: max(entries.count, 1))
        for (i, entry) in entries.enumerated() { (names[i], items[i]) = (strdup(entry.name), own(entry.tensor)) }
        out.pointee = mt_named_tensors(names: names, items: items, count: Int64(entries.count))
    }
}

@_cdecl("mt_named_tensors_release") @implementation
public func mt_named_tensors_release(_ list: UnsafeMutablePointer<mt_named_tensors>?) {
    guard let list, let names = list.pointee.names, let items = list.pointee.items else { return }
    for i in 0..<Int(list.pointee.count) {
        free(names[i])
        disown(items[i])
    }
    names.deallocate()
    items.deallocate()
    list.pointee = mt_named_tensors(names: nil, items: nil, count: 0)
}

@_cdecl("mt_module_parameters") @implementation
public func mt_module_parameters(_ module: mt_module?, _ out: UnsafeMutablePointer<mt_tensor_list>?) -> mt_status {
    list(out) { try M(module).parameters }
}

@_cdecl("mt_module_named_parameters") @implementation
public func mt_module_named_parameters(_ module: mt_module?, _ out: UnsafeMutablePointer<mt_named_tensors>?) -> mt_status {
    named(out) { try M(module).namedParameters() }
}

@_cdecl("mt_module_named_buffers") @implementation
public func mt_module_named_buffers(_ module: mt_module?, _ out: UnsafeMutablePointer<mt_named_tensors>?) -> mt_status {
    named(out) { try M(module).namedBuffers() }
}

@_cdecl("mt_module_state_dict") @implementation
public func mt_module_state_dict(_ module: mt_module?, _ out: UnsafeMutablePointer<mt_named_tensors>?) -> mt_status {
    named(out) { Array(try M(module).stateDict()) }
}

@_cdecl("mt_module_load_state_dict") @implementation
public func mt_module_load_state_dict(
    _ module: mt_module?, _ names: UnsafePointer<UnsafePointer<CChar>?>?, _ items: UnsafePointer<mt_tensor?>?, _ n: Int32,
    _ strict: Int32
) -> mt_status {
    status {
        let module = try M(module)
        var state = StateDict()
        for (i, tensor) in try tensors(items, n, "tensors").enumerated() {
            guard let name = names?[i] else {
                throw MartletError(.handle, "mt_module_load_state_dict: name \(i) is NULL")
            }
            state[String(cString: name)] = tensor
        }
        try module.loadStateDict(state, strict: strict != 0)
    }
}

// MARK: First values

@_cdecl("mt_kaiming_uniform_") @implementation
public func mt_kaiming_uniform_(_ t: mt_tensor?, _ a: Double, _ fanOut: Int32, _ g: mt_generator?) -> mt_status {
    status { try Init.kaimingUniform(T(t, "self"), a: a, mode: fanOut != 0 ? .fanOut : .fanIn, generator: G(g)) }
}

@_cdecl("mt_kaiming_normal_") @implementation
public func mt_kaiming_normal_(_ t: mt_tensor?, _ a: Double, _ fanOut: Int32, _ g: mt_generator?) -> mt_status {
    status { try Init.kaimingNormal(T(t, "self"), a: a, mode: fanOut != 0 ? .fanOut : .fanIn, generator: G(g)) }
}

@_cdecl("mt_xavier_uniform_") @implementation
public func mt_xavier_uniform_(_ t: mt_tensor?, _ gain: Double, _ g: mt_generator?) -> mt_status {
    status { try Init.xavierUniform(T(t, "self"), gain: gain, generator: G(g)) }
}

@_cdecl("mt_xavier_normal_") @implementation
public func mt_xavier_normal_(_ t: mt_tensor?, _ gain: Double, _ g: mt_generator?) -> mt_status {
    status { try Init.xavierNormal(T(t, "self"), gain: gain, generator: G(g)) }
}
