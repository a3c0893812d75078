/* What the files of the bridge share. */
#ifndef MARTLET_BRIDGE_H
#define MARTLET_BRIDGE_H

#include "martlet.h"
#include "python_api.h"

#pragma GCC visibility push(hidden)
typedef struct { PyObject head; mt_tensor handle; PyObject *gradient, *dictionary, *weak; } TensorObject;

extern PyObject *TensorBase;
/* Given by connect(): the class Tensor, martlet.Size, the dtypes by code, the class dtype, what raises the library's error;
   the properties in Python that know what may not be assigned; item() in Python; what finds a method in the table. */
extern PyObject *Tensor, *Size, *dtypes, *dtype, *fail, *requires_grad_property, *grad_property, *item_method, *find_method, *data_property;
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

/* One converted argument: a word (handle, integer, list) and a count, or a real. */
typedef struct { int64_t word, count; double real; } Value;
enum { MAX_LIST = 32, MAX_NUMBERS = 4 };
/* What lives until the call is over: lists' elements, and operands made of numbers; and how many tensors were given. */
typedef struct { int64_t list[MAX_LIST]; int listed; mt_tensor numbers[MAX_NUMBERS]; int made, tensors; } Room;
/* A Python number as an operand; 0 where it is none that fits. */
int take_number(PyObject *object, Value *out, Room *room);
/* The handles of a tuple or list of tensors; 0 where it is none that fits. */
int take_sequence(PyObject *object, int tensors, Value *out, Room *room);
void empty_room(Room *room);

/* Makes TensorBase. */
PyObject *make_tensor_base(void);
/* Its slots for operators, closed by {0, NULL}. */
extern PyType_Slot operator_slots[];
/* Notes that a table line's method does an operator: a C function of one or two tensors, and what it gives (T or s). */
void note_operator(const char *name, void *function, char result);
/* The module's functions that make tensor() and autograd.grad(), given what does the calls that are not plain. */
PyObject *make_tensor_function(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords);
PyObject *make_grad_function(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords);
/* The module's functions update(), an optimizer's call, and set_grad_enabled(); see functions.c. */
PyObject *update(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords);
PyObject *set_grad_enabled(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords);
/* Raises what the last failed call left behind; NULL. */
PyObject *raise_library_error(void);
/* The Tensor of an owned handle; raises for NULL. */
PyObject *wrap(mt_tensor handle);
/* A tuple of the tensors of owned handles, None for NULL. */
PyObject *wrap_tuple(const mt_tensor *handles, Py_ssize_t n);
/* Calls a function in Python with the arguments given. */
PyObject *call_fallback(PyObject *fallback, PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *keywords);
/* The module's function that makes the callable of a table line; see operations.c. */
PyObject *make_operation(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords);
#pragma GCC visibility pop

#endif
