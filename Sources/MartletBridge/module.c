/* The module of the second door of the Python face: the loaded library itself makes Python's objects. */
#include "bridge.h"

/* connect(Tensor, Size, dtypes, dtype, fail, requires_grad, grad, item, find, data): the objects that operations and attributes need. */
static PyObject *connect_classes(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords) {
    PyObject **places[] = {&Tensor, &Size, &dtypes, &dtype, &fail, &requires_grad_property, &grad_property, &item_method,
                           &find_method, &data_property};
    for (Py_ssize_t i = 0; i < n && i < 10; i++) *places[i] = keep(a[i]);
    return keep(_Py_NoneStruct);
}

/* end(): the interpreter ends. */
static PyObject *end(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords) {
    ending = 1;
    return keep(_Py_NoneStruct);
}

void *mt_python_bridge(void) {
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
    static PyMethodDef functions[] = {
        {"operation", make_operation, METH_FASTCALL_KEYWORDS, NULL}, {"connect", connect_classes, METH_FASTCALL_KEYWORDS, NULL},
        {"end", end, METH_FASTCALL_KEYWORDS, NULL}, {"tensor", make_tensor_function, METH_FASTCALL_KEYWORDS, NULL},
        {"grad", make_grad_function, METH_FASTCALL_KEYWORDS, NULL}, {"update", update, METH_FASTCALL_KEYWORDS, NULL},
        {"set_grad_enabled", set_grad_enabled, METH_FASTCALL_KEYWORDS, NULL},
    };
    if (TensorBase || !find_python()) return NULL;  /* what is made belongs to one interpreter */
    PyObject *module = PyModule_New("martlet._bridge");
    if (!module || !make_tensor_base() || PyObject_SetAttrString(module, "TensorBase", TensorBase)) return NULL;
    for (int i = 0; i < 7; i++) {
        PyObject *function = PyCFunction_NewEx(&functions[i], NULL, NULL);
        if (!function || PyObject_SetAttrString(module, functions[i].name, function)) return NULL;
    }
    return module;
#else
    return NULL;
#endif
}
