/* What the files of the bridge share. */
#ifndef MARTLET_BRIDGE_H
#define MARTLET_BRIDGE_H

#include "martlet.h"
#include "python_api.h"

#pragma GCC visibility push(hidden)
typedef struct { PyObject head; mt_tensor handle; PyObject *gradient; } TensorObject;

extern PyObject *TensorBase;
/* Given by connect(): the class Tensor, martlet.Size, the dtypes by code, the class dtype, what raises the library's error;
   the properties in Python that know what may not be assigned, and item() in Python. */
extern PyObject *Tensor, *Size, *dtypes, *dtype, *fail, *requires_grad_property, *grad_property, *item_method;
/* Set when the interpreter ends: from then on handles are not given back; their memory goes with the process. */
extern int ending;

static inline PyObject *keep(PyObject *object) {
    Py_IncRef(object);
    return object;
}

static inline int is_tensor(PyObject *object) {
    return object->type == Tensor || PyType_IsSubtype(object->type, TensorBase);
}

static inline mt_tensor handle_of(PyObject *object) { return ((TensorObject *)object)->handle; }

/* Makes TensorBase. */
PyObject *make_tensor_base(void);
/* Raises what the last failed call left behind; NULL. */
PyObject *raise_library_error(void);
/* The Tensor of an owned handle; raises for NULL. */
PyObject *wrap(mt_tensor handle);
/* Calls a function in Python with the arguments given. */
PyObject *call_fallback(PyObject *fallback, PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *keywords);
/* The module's function that makes the callable of a table line; see operations.c. */
PyObject *make_operation(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords);
#pragma GCC visibility pop

#endif
