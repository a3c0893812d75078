/* TensorBase, the part of Tensor that the library makes: the handle in a C field, released with the object, and the
   attributes that are asked for most. */
#include <string.h>

#include "bridge.h"

PyObject *TensorBase, *Tensor, *Size, *dtypes, *dtype, *fail, *requires_grad_property, *grad_property, *item_method, *find_method, *data_property;
int ending;

PyObject *raise_library_error(void) {
    PyObject *result = PyObject_CallObject(fail, NULL);
    if (result) Py_DecRef(result);
    return NULL;
}

/* Assigns (or deletes, for NULL) as the property in Python does. */
static int set_by_property(PyObject *property, PyObject *self, PyObject *value) {
    PyObject *set = PyObject_GetAttrString(property, value ? "__set__" : "__delete__"), *arguments = NULL, *result = NULL;
    if (set && (arguments = PyTuple_New(value ? 2 : 1))) {
        PyTuple_SetItem(arguments, 0, keep(self));
        if (value) PyTuple_SetItem(arguments, 1, keep(value));
        result = PyObject_CallObject(set, arguments);
        Py_DecRef(arguments);
    }
    if (set) Py_DecRef(set);
    if (!result) return -1;
    Py_DecRef(result);
    return 0;
}

PyObject *wrap(mt_tensor handle) {
    if (!handle) return raise_library_error();
    PyObject *made = PyType_GenericAlloc(Tensor, 0);
    if (made) ((TensorObject *)made)->handle = handle;
    else mt_tensor_release(handle);
    return made;
}

PyObject *wrap_tuple(const mt_tensor *handles, Py_ssize_t n) {
    PyObject *tuple = PyTuple_New(n);
    int good = tuple != NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = handles[i] ? wrap(handles[i]) : keep(_Py_NoneStruct);
        if (item && tuple) PyTuple_SetItem(tuple, i, item);
        else good = 0;
    }
    if (good || !tuple) return tuple;
    Py_DecRef(tuple);
    return NULL;
}

static void set_field(PyObject **field, PyObject *value) {
    PyObject *before = *field;
    *field = value;
    if (before) Py_DecRef(before);
}

static void set_gradient(PyObject *self, PyObject *value) { set_field(&((TensorObject *)self)->gradient, value); }

static void deallocate(PyObject *self) {
    TensorObject *t = (TensorObject *)self;
    PyObject *type = self->type;
    PyObject_GC_UnTrack(self);
    if (t->weak) PyObject_ClearWeakRefs(self);
    if (t->dictionary) set_field(&t->dictionary, NULL);
    if (t->gradient) set_field(&t->gradient, NULL);
    if (ending) {
        /* The release may run the end of a hook or of a step written in Python, whose code may be gone already. */
    } else if (PyErr_Occurred()) {  /* what the release runs in Python, such as the end of a hook, must not see it */
        PyObject *kind, *value, *trace;
        PyErr_Fetch(&kind, &value, &trace);
        mt_tensor_release(t->handle);
        PyErr_Restore(kind, value, trace);
    } else {
        mt_tensor_release(t->handle);
    }
    PyObject_GC_Del(self);
    Py_DecRef(type);  /* an instance of a heap type holds its type */
}

static int traverse(PyObject *self, Visitor visit, void *context) {
    TensorObject *t = (TensorObject *)self;
    int stop = t->gradient ? visit(t->gradient, context) : 0;
    if (!stop && t->dictionary) stop = visit(t->dictionary, context);
    return stop ? stop : visit(self->type, context);
}

static int clear(PyObject *self) {
    set_field(&((TensorObject *)self)->gradient, NULL);
    set_field(&((TensorObject *)self)->dictionary, NULL);
    return 0;
}

static PyObject *get_handle(PyObject *self, void *closure) {
    if (handle_of(self)) return PyLong_FromVoidPtr(handle_of(self));
    PyErr_SetString(*PyExc_AttributeError, "_h");
    return NULL;
}

static int set_handle(PyObject *self, PyObject *value, void *closure) {
    void *handle = value ? PyLong_AsVoidPtr(value) : NULL;
    if (!handle && PyErr_Occurred()) return -1;
    ((TensorObject *)self)->handle = handle;
    return 0;
}

static PyObject *get_requires_grad(PyObject *self, void *closure) {
    return PyBool_FromLong(mt_requires_grad(handle_of(self)) == 1);
}

static int set_requires_grad(PyObject *self, PyObject *value, void *closure) {
    int on = value == _Py_TrueStruct;
    if ((on || value == _Py_FalseStruct) && mt_set_requires_grad(handle_of(self), on) == 0) return 0;
    mt_clear_error();
    return set_by_property(requires_grad_property, self, value);
}

/* The gradient's object is kept as long as the library has the same gradient, so that `x.grad is x.grad`. */
static PyObject *get_gradient(PyObject *self, void *closure) {
    mt_tensor handle = mt_grad(handle_of(self));
    if (!handle) {
        set_gradient(self, NULL);
        return keep(_Py_NoneStruct);
    }
    PyObject *known = ((TensorObject *)self)->gradient;
    if (known && handle_of(known) == handle) {
        mt_tensor_release(handle);
        return keep(known);
    }
    PyObject *made = wrap(handle);
    if (made) set_gradient(self, keep(made));
    return made;
}

static int assign_gradient(PyObject *self, PyObject *value, void *closure) {
    if (!value || value == _Py_NoneStruct) value = NULL;
    else if (!is_tensor(value)) return set_by_property(grad_property, self, value);
    if (mt_set_grad(handle_of(self), value ? handle_of(value) : NULL)) {
        raise_library_error();
        return -1;
    }
    set_gradient(self, value ? keep(value) : NULL);
    return 0;
}

static PyObject *make_size(const int64_t *n, int rank) {
    PyObject *sizes = PyTuple_New(rank), *arguments = PyTuple_New(1), *shape = NULL;
    if (sizes && arguments) {
        for (int i = 0; i < rank; i++) PyTuple_SetItem(sizes, i, PyLong_FromLongLong(n[i]));
        PyTuple_SetItem(arguments, 0, sizes);
        shape = PyObject_CallObject(Size, arguments);
        Py_DecRef(arguments);
    }
    return shape;
}

/* Shapes of few dimensions are kept: a Size cannot change. */
enum { KEPT_RANK = 4, KEPT_SIZES = 256 };
static struct { int64_t n[KEPT_RANK]; int rank; PyObject *size; } kept_sizes[KEPT_SIZES];

static PyObject *get_shape(PyObject *self, void *closure) {
    int rank = mt_ndim(handle_of(self));
    if (rank < 0) return raise_library_error();
    if (rank > KEPT_RANK) {
        mt_tensor_info info = MT_TENSOR_INFO_INIT;
        return mt_tensor_get_info(handle_of(self), &info) ? raise_library_error() : make_size(info.sizes, rank);
    }
    int64_t n[KEPT_RANK] = {0};
    uint64_t place = (uint64_t)rank;
    for (int i = 0; i < rank; i++) {
        n[i] = mt_size(handle_of(self), i);
        place = (place ^ (uint64_t)n[i]) * 0x9E3779B97F4A7C15u;
    }
    place >>= 56;
    if (!kept_sizes[place].size || kept_sizes[place].rank != rank || memcmp(kept_sizes[place].n, n, sizeof n)) {
        PyObject *made = make_size(n, rank);
        if (!made) return NULL;
        memcpy(kept_sizes[place].n, n, sizeof n);
        kept_sizes[place].rank = rank;
        set_field(&kept_sizes[place].size, made);
    }
    return keep(kept_sizes[place].size);
}

static PyObject *get_dtype(PyObject *self, void *closure) {
    PyObject *found = PyTuple_GetItem(dtypes, mt_dtype(handle_of(self)));
    return found ? keep(found) : NULL;
}

static PyObject *get_ndim(PyObject *self, void *closure) { return PyLong_FromLongLong(mt_ndim(handle_of(self))); }

static PyObject *get_is_leaf(PyObject *self, void *closure) {
    mt_tensor_info info = MT_TENSOR_INFO_INIT;
    return mt_tensor_get_info(handle_of(self), &info) ? raise_library_error() : PyBool_FromLong(info.is_leaf);
}

static PyObject *get_is_sparse(PyObject *self, void *closure) {
    mt_tensor_info info = MT_TENSOR_INFO_INIT;
    return mt_tensor_get_info(handle_of(self), &info) ? raise_library_error() : PyBool_FromLong(info.is_sparse);
}

static PyObject *get_data(PyObject *self, void *closure) { return wrap(mt_tensor_data(handle_of(self))); }
static int set_data(PyObject *self, PyObject *value, void *closure) { return set_by_property(data_property, self, value); }

static PyGetSetDef attributes[] = {
    {"__dict__", NULL, NULL, NULL, NULL},  /* its functions are found at run time */
    {"_h", get_handle, set_handle, "The handle of the library, as an integer.", NULL},
    {"requires_grad", get_requires_grad, set_requires_grad, "Whether a gradient is wanted.", NULL},
    {"grad", get_gradient, assign_gradient, "The accumulated gradient, None before the first backward().", NULL},
    {"shape", get_shape, NULL, "The sizes, as a torch.Size.", NULL},
    {"dtype", get_dtype, NULL, "The element type.", NULL},
    {"ndim", get_ndim, NULL, "The number of dimensions.", NULL},
    {"is_leaf", get_is_leaf, NULL, "Whether no recorded operation made it.", NULL},
    {"is_sparse", get_is_sparse, NULL, "Whether it is sparse COO.", NULL},
    {"data", get_data, set_data, "The same memory without history.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyObject *item(PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *keywords) {
    if (n || keywords) return call_fallback(item_method, self, given, n, keywords);
    int code = mt_dtype(handle_of(self));
    if (code == MT_FLOAT32 || code == MT_FLOAT64 || code == MT_FLOAT16 || code == MT_BFLOAT16) {
        double real;
        return mt_item_f64(handle_of(self), &real) ? raise_library_error() : PyFloat_FromDouble(real);
    }
    int64_t integer;
    if (mt_item_i64(handle_of(self), &integer)) return raise_library_error();
    return code == MT_BOOL ? PyBool_FromLong(integer != 0) : PyLong_FromLongLong(integer);
}

static PyMethodDef methods[] = {
    {"item", item, METH_FASTCALL_KEYWORDS, "The one element as a Python number."}, {NULL, NULL, 0, NULL},
};

PyObject *make_tensor_base(void) {
    static PyMemberDef members[] = {
        {"__dictoffset__", MEMBER_SIZE, offsetof(TensorObject, dictionary), MEMBER_READONLY, NULL},
        {"__weaklistoffset__", MEMBER_SIZE, offsetof(TensorObject, weak), MEMBER_READONLY, NULL}, {NULL, 0, 0, 0, NULL},
    };
    static PyType_Slot slots[40] = {
        {SLOT_DEALLOC, deallocate}, {SLOT_TRAVERSE, traverse}, {SLOT_CLEAR, clear}, {SLOT_GETSET, attributes},
        {SLOT_METHODS, methods}, {SLOT_MEMBERS, members},
        {SLOT_DOC, "What the library itself makes of Tensor: the handle, the plainest attributes and the operators."},
    };
    static PyType_Spec spec = {
        "martlet._bridge.TensorBase", sizeof(TensorObject), 0, FLAG_DEFAULT | FLAG_BASETYPE | FLAG_GC, slots};
    attributes[0].get = PyObject_GenericGetDict;
    attributes[0].set = PyObject_GenericSetDict;
    int used = 0;
    while (slots[used].slot) used++;
    for (int i = 0; operator_slots[i].slot; i++) slots[used++] = operator_slots[i];
    return TensorBase = PyType_FromSpec(&spec);
}
