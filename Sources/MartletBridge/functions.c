/* Functions of Python that are called often and are no lines of the table: tensor() of plain numbers and autograd.grad(),
   whose calls that are not plain go to the function in Python; an optimizer's update; the mode of recording. */
#include <stdlib.h>

#include "bridge.h"

static PyObject *tensor_fallback, *grad_fallback;

/* A flag given by name: 0 or 1, also for None; -1 for anything else. */
static int flag(PyObject *object) {
    return object == _Py_TrueStruct ? 1 : object == _Py_FalseStruct || object == _Py_NoneStruct ? 0 : -1;
}

/* Floats in a tuple or list as a tensor of the default dtype; NULL where it is not as plain as that. */
static mt_tensor from_floats(PyObject *list) {
    enum { MOST = 64 };
    double reals[MOST];
    float singles[MOST];
    unsigned long flags = PyType_GetFlags(list->type);
    if (!(flags & (FLAG_TUPLE | FLAG_LIST))) return NULL;
    Py_ssize_t n = flags & FLAG_TUPLE ? PyTuple_Size(list) : PyList_Size(list);
    if (n < 1 || n > MOST) return NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = flags & FLAG_TUPLE ? PyTuple_GetItem(list, i) : PyList_GetItem(list, i);
        if (item->type != PyFloat_Type) return NULL;
        reals[i] = PyFloat_AsDouble(item);
        singles[i] = (float)reals[i];
    }
    int64_t size = n;
    int code = mt_default_dtype();
    if (code == MT_FLOAT32) return mt_tensor_from_f32(singles, &size, 1);
    return code == MT_FLOAT64 ? mt_tensor_from_f64(reals, &size, 1) : NULL;
}

static PyObject *tensor(PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *keywords) {
    int wants_gradient = 0;
    Py_ssize_t named = keywords ? PyTuple_Size(keywords) : 0;
    mt_tensor made = NULL;
    if (named == 1 && !PyUnicode_CompareWithASCIIString(PyTuple_GetItem(keywords, 0), "requires_grad")) {
        wants_gradient = given[n] == _Py_NoneStruct ? -1 : flag(given[n]);
        named = 0;
    }
    if (n == 1 && !named && wants_gradient >= 0) {
        Value value;
        Room room;
        room.made = 0;
        PyObject *type = given[0]->type;
        if (type == PyFloat_Type || (!wants_gradient && (type == PyLong_Type || flag(given[0]) >= 0))) {
            if (given[0] != _Py_NoneStruct && take_number(given[0], &value, &room)) {
                made = mt_full(NULL, 0, (mt_tensor)value.word, -1);
                empty_room(&room);
            }
        } else {
            made = from_floats(given[0]);
        }
    }
    if (made && wants_gradient && mt_set_requires_grad(made, 1)) {
        mt_tensor_release(made);
        made = NULL;
    }
    if (made) return wrap(made);
    mt_clear_error();
    PyErr_Clear();
    return call_fallback(tensor_fallback, NULL, given, n, keywords);
}

/* One tensor, or a tuple or list of them. */
static int take_tensors(PyObject *object, Value *out, Room *room) {
    if (!is_tensor(object)) return take_sequence(object, 1, out, room);
    if (room->listed == MAX_LIST) return 0;
    room->list[room->listed] = (int64_t)handle_of(object);
    out->word = (int64_t)&room->list[room->listed++];
    out->count = 1;
    return 1;
}

static PyObject *grad(PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *keywords) {
    static const char *const names[] = {"retain_graph", "create_graph", "allow_unused", "grad_outputs", "materialize_grads"};
    int flags[] = {-1, 0, 0, 0, 0};
    Value outputs, inputs, seeds = {0, 0, 0};
    Room room;
    mt_tensor none[MAX_LIST] = {0}, made[MAX_LIST];
    room.listed = room.made = room.tensors = 0;
    int plain = n == 2 && take_tensors(given[0], &outputs, &room) && take_tensors(given[1], &inputs, &room) && inputs.count
        && outputs.count;
    for (Py_ssize_t k = 0; plain && keywords && k < PyTuple_Size(keywords); k++) {
        int which = 0;
        while (which < 5 && PyUnicode_CompareWithASCIIString(PyTuple_GetItem(keywords, k), names[which])) which++;
        PyObject *value = given[n + k];
        if (which == 3 && value != _Py_NoneStruct) plain = take_tensors(value, &seeds, &room) && seeds.count == outputs.count;
        else if (which == 3 || (which == 0 && value == _Py_NoneStruct)) continue;
        else plain = which < 3 && (flags[which] = flag(value)) >= 0;
    }
    if (!plain) {
        PyErr_Clear();
        return call_fallback(grad_fallback, NULL, given, n, keywords);
    }
    if (flags[0] < 0) flags[0] = flags[1];
    void *state = PyEval_SaveThread();
    mt_status failed = mt_autograd_grad(
        (mt_tensor *)outputs.word, (int32_t)outputs.count, (mt_tensor *)inputs.word, (int32_t)inputs.count,
        seeds.count ? (mt_tensor *)seeds.word : none, flags[0], flags[1], flags[2], 0, made);
    PyEval_RestoreThread(state);
    if (failed) return raise_library_error();
    return wrap_tuple(made, (Py_ssize_t)inputs.count);
}

PyObject *make_tensor_function(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords) {
    static PyMethodDef definition = {"tensor", tensor, METH_FASTCALL_KEYWORDS, NULL};
    tensor_fallback = keep(a[0]);
    definition.doc = PyBytes_AsString(PyUnicode_AsUTF8String(a[1]));
    return PyCFunction_NewEx(&definition, NULL, a[2]);
}

PyObject *make_grad_function(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords) {
    static PyMethodDef definition = {"grad", grad, METH_FASTCALL_KEYWORDS, NULL};
    grad_fallback = keep(a[0]);
    definition.doc = PyBytes_AsString(PyUnicode_AsUTF8String(a[1]));
    return PyCFunction_NewEx(&definition, NULL, a[2]);
}

typedef int64_t (*Words)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);

/* update(address, options, list, ...): calls an update of martlet.h with each list's handles (NULL for None, in a list or
   in place of one), their number and the options. An entry whose handle the update replaced becomes its tensor. */
PyObject *update(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords) {
    enum { MOST_LISTS = 6 };
    int64_t words[MOST_LISTS + 2] = {0};
    Py_ssize_t lists = n - 2, count = lists > 0 ? PyList_Size(a[2]) : -1;
    if (count < 0 || lists > MOST_LISTS) return PyErr_Format(*PyExc_TypeError, "update(): lists of tensors are needed");
    mt_tensor *handles = malloc((size_t)(lists * count + 1) * sizeof *handles);
    int good = handles != NULL;
    for (Py_ssize_t k = 0; good && k < lists; k++) {
        PyObject *list = a[2 + k];
        if (list == _Py_NoneStruct) continue;
        if (!(good = PyList_Size(list) == count)) break;
        words[k] = (int64_t)(handles + k * count);
        for (Py_ssize_t i = 0; good && i < count; i++) {
            PyObject *item = PyList_GetItem(list, i);
            handles[k * count + i] = item == _Py_NoneStruct ? NULL : is_tensor(item) ? handle_of(item) : NULL;
            good = item == _Py_NoneStruct || is_tensor(item);
        }
    }
    PyObject *result = NULL;
    if (!good) {
        if (!PyErr_Occurred()) PyErr_Format(*PyExc_TypeError, "update(): the lists must hold as many tensors each");
    } else {
        words[lists] = count;
        words[lists + 1] = (int64_t)PyLong_AsVoidPtr(a[1]);
        int32_t failed = (int32_t)((Words)PyLong_AsVoidPtr(a[0]))(
            words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7]);
        result = failed ? raise_library_error() : keep(_Py_NoneStruct);
        for (Py_ssize_t k = 0; !failed && k < lists; k++) {
            for (Py_ssize_t i = 0; words[k] && i < count; i++) {
                PyObject *item = PyList_GetItem(a[2 + k], i);
                mt_tensor now = handles[k * count + i];
                if (!now || (item != _Py_NoneStruct && handle_of(item) == now)) continue;
                PyObject *made = wrap(now);
                if (made) PyList_SetItem(a[2 + k], i, made);
            }
        }
    }
    free(handles);
    return result;
}

/* set_grad_enabled(0 or 1): the mode before. */
PyObject *set_grad_enabled(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords) {
    return PyLong_FromLongLong(mt_set_grad_enabled(n && PyLong_AsLongLong(a[0]) != 0));
}
