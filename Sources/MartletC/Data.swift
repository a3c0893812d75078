import CMartlet
import Martlet

// Datasets and loaders.

private final class DatasetBox {
    let dataset: any Dataset
    init(_ dataset: any Dataset) { self.dataset = dataset }
}

/// A loader with the pass it is in.
private final class LoaderBox {
    let loader: DataLoader
    var pass: DataLoader.Pass?
    init(_ loader: DataLoader) { self.loader = loader }
}

private func D(_ h: mt_dataset?, _ op: StaticString = #function) throws -> any Dataset {
    try object(h, DatasetBox.self, "dataset", op).dataset
}

private func L(_ h: mt_data_loader?, _ op: StaticString = #function) throws -> LoaderBox {
    try object(h, LoaderBox.self, "loader", op)
}

@_cdecl("mt_tensor_dataset") @implementation
public func mt_tensor_dataset(_ items: UnsafePointer<mt_tensor?>?, _ n: Int32) -> mt_dataset? {
    value(nil) { own(DatasetBox(try TensorDataset(tensors(items, n, "tensors")))) }
}

@_cdecl("mt_subset") @implementation
public func mt_subset(_ dataset: mt_dataset?, _ indices: UnsafePointer<Int64>?, _ n: Int64) -> mt_dataset? {
    value(nil) {
        guard n >= 0, n == 0 || indices != nil else { throw MartletError(.handle, "mt_subset: the list 'indices' is NULL") }
        return own(DatasetBox(Subset(try D(dataset), (0..<Int(n)).map { Int(indices![$0]) })))
    }
}

@_cdecl("mt_random_split") @implementation
public func mt_random_split(
    _ dataset: mt_dataset?, _ lengths: UnsafePointer<Int64>?, _ n: Int32, _ g: mt_generator?,
    _ out: UnsafeMutablePointer<mt_dataset?>?
) -> mt_status {
    status {
        guard let out else { throw MartletError(.handle, "the result pointer is NULL") }
        for (i, part) in try randomSplit(D(dataset), ints(lengths, n), generator: G(g)).enumerated() {
            out[i] = own(DatasetBox(part))
        }
    }
}

@_cdecl("mt_dataset_length") @implementation
public func mt_dataset_length(_ dataset: mt_dataset?) -> Int64 { value(-1) { Int64(try D(dataset).count) } }

@_cdecl("mt_dataset_sample") @implementation
public func mt_dataset_sample(
    _ dataset: mt_dataset?, _ index: Int64, _ out: UnsafeMutablePointer<mt_tensor_list>?
) -> mt_status {
    list(out) { try D(dataset).sample(Int(index)) }
}

@_cdecl("mt_dataset_release") @implementation
public func mt_dataset_release(_ dataset: mt_dataset?) { disown(dataset) }

@_cdecl("mt_data_loader_new") @implementation
public func mt_data_loader_new(
    _ dataset: mt_dataset?, _ batchSize: Int64, _ shuffle: Int32, _ dropLast: Int32, _ g: mt_generator?
) -> mt_data_loader? {
    value(nil) {
        // Without a generator a shuffled loader makes itself a private one: that is not the same as the default one.
        let loader = try DataLoader(
            D(dataset), batchSize: Int(batchSize), shuffle: shuffle != 0, dropLast: dropLast != 0,
            generator: g == nil ? nil : G(g))
        return own(LoaderBox(loader))
    }
}

@_cdecl("mt_data_loader_length") @implementation
public func mt_data_loader_length(_ loader: mt_data_loader?) -> Int64 { value(-1) { Int64(try L(loader).loader.count) } }

@_cdecl("mt_data_loader_next") @implementation
public func mt_data_loader_next(_ loader: mt_data_loader?, _ batch: UnsafeMutablePointer<mt_tensor_list>?) -> mt_status {
    status {
        guard let batch else { throw MartletError(.handle, "the result pointer is NULL") }
        batch.pointee = mt_tensor_list(items: nil, count: 0)
        let box = try L(loader)
        let pass = try box.pass ?? DataLoader.Pass(box.loader)
        box.pass = pass
        guard let made = try pass.nextBatch() else {
            box.pass = nil
            return
        }
        _ = list(batch) { made }
    }
}

@_cdecl("mt_data_loader_restart") @implementation
public func mt_data_loader_restart(_ loader: mt_data_loader?) -> mt_status { status { try L(loader).pass = nil } }

@_cdecl("mt_data_loader_release") @implementation
public func mt_data_loader_release(_ loader: mt_data_loader?) { disown(loader) }
