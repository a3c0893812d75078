/* The operators of Tensor and x[i], as slots of TensorBase: a + b then needs no look-up of __add__. A class that has
   methods of its own in Python gets Python's slots instead, which call them. */
#include <string.h>

#include "bridge.h"

/* An operator, the methods that do it (for a tensor on the right too), and what is known of them once used. */
typedef struct {
    const char *name[2];
    PyObject *method[2];
    void *function;  /* of martlet.h, for the left form; NULL where the method is to be called */
    char result;
} Operator;

static Operator operators[] = {
    {{"__add__", "__radd__"}, {0}, 0, 0}, {{"__sub__", "__rsub__"}, {0}, 0, 0}, {{"__mul__", "__rmul__"}, {0}, 0, 0},
    {{"__truediv__", "__rtruediv__"}, {0}, 0, 0}, {{"__matmul__", "__rmatmul__"}, {0}, 0, 0}, {{"__pow__", "__rpow__"}, {0}, 0, 0},
    {{"__neg__", NULL}, {0}, 0, 0}, {{"__iadd__", NULL}, {0}, 0, 0}, {{"__isub__", NULL}, {0}, 0, 0},
    {{"__imul__", NULL}, {0}, 0, 0}, {{"__itruediv__", NULL}, {0}, 0, 0}, {{"__getitem__", NULL}, {0}, 0, 0},
};
enum { ADD, SUBTRACT, MULTIPLY, DIVIDE, MATRIX_MULTIPLY, POWER, NEGATIVE, ADD_IN_PLACE, SUBTRACT_IN_PLACE, MULTIPLY_IN_PLACE,
       DIVIDE_IN_PLACE, GET_ITEM, OPERATORS };

void note_operator(const char *name, void *function, char result) {
    for (int i = 0; i < OPERATORS; i++) {
        if (!strcmp(operators[i].name[0], name) && (result == 'T' || result == 's')) {
            operators[i].function = function;
            operators[i].result = result;
        }
    }
}

/* The method of the table, NULL with an exception where it cannot be had. */
static PyObject *method_of(Operator *operator, int side) {
    if (operator->method[side]) return operator->method[side];
    PyObject *arguments = PyTuple_New(1), *name = PyUnicode_FromString(operator->name[side]);
    if (!arguments || !name) return NULL;
    PyTuple_SetItem(arguments, 0, name);
    operator->method[side] = PyObject_CallObject(find_method, arguments);
    Py_DecRef(arguments);
    return operator->method[side];
}

static PyObject *by_method(Operator *operator, int side, PyObject *self, PyObject *other, Py_ssize_t n) {
    PyObject *method = method_of(operator, side);
    return method ? call_fallback(method, self, &other, n, NULL) : NULL;
}

typedef mt_tensor (*Making)(mt_tensor, mt_tensor, mt_tensor);
typedef mt_status (*Changing)(mt_tensor, mt_tensor, mt_tensor);

static PyObject *finish(Operator *operator, PyObject *a, mt_tensor b) {
    if (operator->result == 'T') return wrap(((Making)operator->function)(handle_of(a), b, NULL));
    return ((Changing)operator->function)(handle_of(a), b, NULL) ? raise_library_error() : keep(a);
}

static PyObject *binary(Operator *operator, PyObject *a, PyObject *b) {
    if (!is_tensor(a)) return by_method(operator, 1, b, a, 1);
    if (operator->function && handle_of(a)) {
        if (is_tensor(b)) {
            if (handle_of(b)) return finish(operator, a, handle_of(b));
        } else {
            Value value;
            Room room;
            room.made = 0;
            if (take_number(b, &value, &room)) {
                PyObject *result = finish(operator, a, (mt_tensor)value.word);
                empty_room(&room);
                return result;
            }
            PyErr_Clear();
        }
    }
    return by_method(operator, 0, a, b, 1);
}

static PyObject *negative(PyObject *a) {
    Operator *operator = &operators[NEGATIVE];
    return operator->function && handle_of(a) ? finish(operator, a, NULL) : by_method(operator, 0, a, NULL, 0);
}

static PyObject *power(PyObject *a, PyObject *b, PyObject *modulus) {
    if (modulus == _Py_NoneStruct) return binary(&operators[POWER], a, b);
    if (!is_tensor(a)) return keep(_Py_NotImplementedStruct);
    PyObject *given[] = {b, modulus}, *method = method_of(&operators[POWER], 0);
    return method ? call_fallback(method, a, given, 2, NULL) : NULL;
}

static PyObject *get_item(PyObject *self, PyObject *key) {
    if (key->type == PyLong_Type && handle_of(self)) {
        long long i = PyLong_AsLongLong(key);
        if (i == -1 && PyErr_Occurred()) {
            PyErr_Clear();
        } else {
            mt_tensor handle = mt_select(handle_of(self), 0, i);
            if (handle) return wrap(handle);
            mt_clear_error();
        }
    }
    return by_method(&operators[GET_ITEM], 0, self, key, 1);
}

#define BINARY(name, which) static PyObject *name(PyObject *a, PyObject *b) { return binary(&operators[which], a, b); }
BINARY(add, ADD) BINARY(subtract, SUBTRACT) BINARY(multiply, MULTIPLY) BINARY(divide, DIVIDE)
BINARY(matrix_multiply, MATRIX_MULTIPLY) BINARY(add_in_place, ADD_IN_PLACE) BINARY(subtract_in_place, SUBTRACT_IN_PLACE)
BINARY(multiply_in_place, MULTIPLY_IN_PLACE) BINARY(divide_in_place, DIVIDE_IN_PLACE)

PyType_Slot operator_slots[] = {
    {SLOT_ADD, add}, {SLOT_SUBTRACT, subtract}, {SLOT_MULTIPLY, multiply}, {SLOT_DIVIDE, divide},
    {SLOT_MATRIX_MULTIPLY, matrix_multiply}, {SLOT_POWER, power}, {SLOT_NEGATIVE, negative}, {SLOT_INPLACE_ADD, add_in_place},
    {SLOT_INPLACE_SUBTRACT, subtract_in_place}, {SLOT_INPLACE_MULTIPLY, multiply_in_place}, {SLOT_INPLACE_DIVIDE, divide_in_place},
    {SLOT_GET_ITEM, get_item}, {0, NULL},
};
