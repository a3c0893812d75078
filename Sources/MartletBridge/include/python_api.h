/* What the bridge uses of CPython: parts of the stable ABI as of 3.9, declared here and found by dlsym, so that neither
   Python.h nor libpython is needed to build or to load the library. */
#ifndef MARTLET_PYTHON_API_H
#define MARTLET_PYTHON_API_H

#include <stddef.h>
#include <stdint.h>

typedef intptr_t Py_ssize_t;
/* The head of every object in a build with the GIL, on 64-bit machines. */
typedef struct PyObject { Py_ssize_t count; struct PyObject *type; } PyObject;
typedef PyObject *(*FastCall)(PyObject *self, PyObject *const *arguments, Py_ssize_t n, PyObject *keywords);
typedef PyObject *(*Getter)(PyObject *self, void *closure);
typedef int (*Setter)(PyObject *self, PyObject *value, void *closure);
typedef int (*Visitor)(PyObject *object, void *context);
typedef struct { const char *name; FastCall function; int flags; const char *doc; } PyMethodDef;
typedef struct { const char *name; Getter get; Setter set; const char *doc; void *closure; } PyGetSetDef;
typedef struct { int slot; void *value; } PyType_Slot;
typedef struct { const char *name; int basicsize, itemsize; unsigned flags; PyType_Slot *slots; } PyType_Spec;

enum { METH_FASTCALL_KEYWORDS = 0x80 | 0x02 };
typedef struct { const char *name; int type; Py_ssize_t offset; int flags; const char *doc; } PyMemberDef;

enum { MEMBER_SIZE = 19, MEMBER_READONLY = 1 };
enum {
    SLOT_GET_ITEM = 5, SLOT_ADD = 7, SLOT_INPLACE_ADD = 14, SLOT_INPLACE_MULTIPLY = 18, SLOT_INPLACE_SUBTRACT = 23,
    SLOT_INPLACE_DIVIDE = 24, SLOT_MULTIPLY = 29, SLOT_NEGATIVE = 30, SLOT_POWER = 33, SLOT_SUBTRACT = 36, SLOT_DIVIDE = 37,
    SLOT_MEMBERS = 72, SLOT_MATRIX_MULTIPLY = 75
};
enum { SLOT_CLEAR = 51, SLOT_DEALLOC = 52, SLOT_DOC = 56, SLOT_METHODS = 64, SLOT_TRAVERSE = 71, SLOT_GETSET = 73 };
enum { FLAG_BASETYPE = 1 << 10, FLAG_GC = 1 << 14, FLAG_DEFAULT = 1 << 18, FLAG_LIST = 1 << 25, FLAG_TUPLE = 1 << 26 };

#define PYTHON_FUNCTIONS(X) \
    X(void, Py_IncRef, (PyObject *)) \
    X(void, Py_DecRef, (PyObject *)) \
    X(PyObject *, PyType_FromSpec, (PyType_Spec *)) \
    X(PyObject *, PyType_GenericAlloc, (PyObject *type, Py_ssize_t)) \
    X(unsigned long, PyType_GetFlags, (PyObject *type)) \
    X(int, PyType_IsSubtype, (PyObject *, PyObject *)) \
    X(void, PyObject_GC_UnTrack, (void *)) \
    X(void, PyObject_GC_Del, (void *)) \
    X(void, PyObject_ClearWeakRefs, (PyObject *)) \
    X(PyObject *, PyObject_GenericGetDict, (PyObject *, void *)) \
    X(int, PyObject_GenericSetDict, (PyObject *, PyObject *, void *)) \
    X(PyObject *, PyObject_Call, (PyObject *, PyObject *arguments, PyObject *keywords)) \
    X(PyObject *, PyObject_CallObject, (PyObject *, PyObject *arguments)) \
    X(PyObject *, PyObject_GetAttrString, (PyObject *, const char *)) \
    X(int, PyObject_SetAttrString, (PyObject *, const char *, PyObject *)) \
    X(int, PyObject_IsTrue, (PyObject *)) \
    X(PyObject *, PyCFunction_NewEx, (PyMethodDef *, PyObject *self, PyObject *module)) \
    X(PyObject *, PyDescr_NewMethod, (PyObject *type, PyMethodDef *)) \
    X(PyObject *, PyModule_New, (const char *)) \
    X(PyObject *, PyTuple_New, (Py_ssize_t)) \
    X(Py_ssize_t, PyTuple_Size, (PyObject *)) \
    X(PyObject *, PyTuple_GetItem, (PyObject *, Py_ssize_t)) \
    X(int, PyTuple_SetItem, (PyObject *, Py_ssize_t, PyObject *)) \
    X(Py_ssize_t, PyList_Size, (PyObject *)) \
    X(PyObject *, PyList_GetItem, (PyObject *, Py_ssize_t)) \
    X(int, PyList_SetItem, (PyObject *, Py_ssize_t, PyObject *)) \
    X(PyObject *, PyDict_New, (void)) \
    X(int, PyDict_SetItem, (PyObject *, PyObject *key, PyObject *)) \
    X(void *, PyLong_AsVoidPtr, (PyObject *)) \
    X(PyObject *, PyLong_FromVoidPtr, (void *)) \
    X(long long, PyLong_AsLongLong, (PyObject *)) \
    X(PyObject *, PyLong_FromLongLong, (long long)) \
    X(PyObject *, PyBool_FromLong, (long)) \
    X(double, PyFloat_AsDouble, (PyObject *)) \
    X(PyObject *, PyFloat_FromDouble, (double)) \
    X(PyObject *, PyUnicode_AsUTF8String, (PyObject *)) \
    X(PyObject *, PyUnicode_FromString, (const char *)) \
    X(int, PyUnicode_CompareWithASCIIString, (PyObject *, const char *)) \
    X(char *, PyBytes_AsString, (PyObject *)) \
    X(PyObject *, PyErr_Occurred, (void)) \
    X(void, PyErr_Clear, (void)) \
    X(void, PyErr_Fetch, (PyObject **, PyObject **, PyObject **)) \
    X(void, PyErr_Restore, (PyObject *, PyObject *, PyObject *)) \
    X(void, PyErr_SetString, (PyObject *, const char *)) \
    X(PyObject *, PyErr_Format, (PyObject *, const char *, ...)) \
    X(void *, PyEval_SaveThread, (void)) \
    X(void, PyEval_RestoreThread, (void *))

#define PYTHON_OBJECTS(X) \
    X(_Py_NoneStruct) X(_Py_NotImplementedStruct) X(_Py_TrueStruct) X(_Py_FalseStruct) X(PyLong_Type) X(PyFloat_Type)

/* Hidden: under Python's own names, these are pointers. */
#pragma GCC visibility push(hidden)
#define DECLARE_FUNCTION(result, name, parameters) extern result (*name) parameters;
#define DECLARE_OBJECT(name) extern PyObject *name;
PYTHON_FUNCTIONS(DECLARE_FUNCTION)
PYTHON_OBJECTS(DECLARE_OBJECT)
extern PyObject **PyExc_TypeError, **PyExc_AttributeError;

/* Finds all of it; 0 where something is missing. */
int find_python(void);
#pragma GCC visibility pop

#endif
