/* Callables of lines of the table of operations (python/martlet/_ops). The arguments of a plain call are turned into C
   arguments, and the function of martlet.h is called directly. Whatever is not plain (another type, out=, an unknown
   keyword, too few arguments) goes to the line's function compiled over ctypes with the very arguments given, so both
   doors behave alike. */
#include <math.h>
#include <string.h>

#include "bridge.h"

enum { MAX_OPERATIONS = 512, MAX_PARAMETERS = 12, MAX_REALS = 4, MAX_SEVERAL = 4 };

/* Kinds of the table as letters: T tensor, t or None; N operand, n or None; i int, I or None; b flag; f real, F or None;
   d dtype; l ints, L or None, s the rest of the positional arguments as ints; h tensors; e a word; g None in place of a
   generator; a anything. */
typedef struct {
    char kind;
    PyObject *name;     /* interned */
    PyObject *standard; /* its default, NULL where there is none */
    PyObject *words;    /* of kind e */
} Parameter;

typedef struct {
    void *function;
    PyObject *fallback;  /* the line's function over ctypes */
    Parameter parameters[MAX_PARAMETERS];
    int count, positional;
    int of_tensors;      /* without one among its operands it has rules of its own */
    int unlock;          /* other threads of Python may run meanwhile */
    /* T a tensor, s the first argument, n None, i or q an int of 32 or 64 bits, -1 for an error; l a tuple of an
       mt_tensor_list, m of `several` tensors, which `finish` (unless it is None) makes something of */
    char result;
    int several;
    PyObject *finish;
    int plan_length;
    int64_t plan[MAX_PARAMETERS];  /* what the C function takes: the place of a parameter, or a constant */
    char plan_is_constant[MAX_PARAMETERS];
    PyMethodDef definition;
} Operation;

static Operation operations[MAX_OPERATIONS];
static int operation_count;

/* Numbers as operands are kept in a table by their bits; entries are never given up, so they outlive any call. */
static struct { mt_tensor handle; int64_t bits; PyObject *type; } known_numbers[512];

int take_number(PyObject *object, Value *out, Room *room) {
    int64_t bits;
    double real = 0;
    int truth = object == _Py_TrueStruct;
    PyObject *type = object->type;
    if (type == PyFloat_Type) {
        real = PyFloat_AsDouble(object);
        memcpy(&bits, &real, sizeof bits);
    } else if (type == PyLong_Type) {
        bits = PyLong_AsLongLong(object);
        if (bits == -1 && PyErr_Occurred()) return 0;
    } else if (truth || object == _Py_FalseStruct) {
        bits = truth;
    } else {
        return 0;
    }
    uint64_t place = ((uint64_t)bits * 0x9E3779B97F4A7C15u) >> 55;
    if (known_numbers[place].handle && known_numbers[place].bits == bits && known_numbers[place].type == type) {
        out->word = (int64_t)known_numbers[place].handle;
        return 1;
    }
    int keeps = !known_numbers[place].handle;
    if (!keeps && room->made == MAX_NUMBERS) return 0;
    mt_tensor handle =
        type == PyFloat_Type ? mt_number_f64(real) : type == PyLong_Type ? mt_number_i64(bits) : mt_number_bool(truth);
    if (!handle) {
        mt_clear_error();
        return 0;
    }
    if (keeps) {
        known_numbers[place].handle = handle;
        known_numbers[place].bits = bits;
        known_numbers[place].type = type;
    } else {
        room->numbers[room->made++] = handle;
    }
    out->word = (int64_t)handle;
    return 1;
}

void empty_room(Room *room) {
    while (room->made) mt_tensor_release(room->numbers[--room->made]);
}

static int take_int(PyObject *object, int64_t *out) {
    if (object->type != PyLong_Type) return 0;
    *out = PyLong_AsLongLong(object);
    return *out != -1 || !PyErr_Occurred();
}

static int take_list(PyObject *const *items, PyObject *sequence, Py_ssize_t n, int tensors, Value *out, Room *room) {
    if (n > MAX_LIST - room->listed) return 0;
    int64_t *list = room->list + room->listed;
    int is_tuple = sequence && (PyType_GetFlags(sequence->type) & FLAG_TUPLE);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = items ? items[i] : is_tuple ? PyTuple_GetItem(sequence, i) : PyList_GetItem(sequence, i);
        if (tensors) {
            if (!is_tensor(item)) return 0;
            list[i] = (int64_t)handle_of(item);
            room->tensors++;
        } else if (!take_int(item, &list[i])) {
            return 0;
        }
    }
    room->listed += (int)n;
    out->word = (int64_t)list;
    out->count = n;
    return 1;
}

int take_sequence(PyObject *object, int tensors, Value *out, Room *room) {
    if (object->type == PyLong_Type && !tensors) return take_list(&object, NULL, 1, 0, out, room);
    unsigned long flags = PyType_GetFlags(object->type);
    if (!(flags & (FLAG_TUPLE | FLAG_LIST))) return 0;
    return take_list(NULL, object, flags & FLAG_TUPLE ? PyTuple_Size(object) : PyList_Size(object), tensors, out, room);
}

/* Whether the argument is plain; converts it. */
static int take(const Parameter *parameter, PyObject *object, Value *out, Room *room) {
    int none = object == _Py_NoneStruct;
    out->word = out->count = 0;
    switch (parameter->kind) {
    case 't': if (none) return 1; /* fall through */
    case 'T':
        if (!is_tensor(object)) return 0;
        room->tensors++;
        out->word = (int64_t)handle_of(object);
        return out->word != 0;
    case 'n': if (none) return 1; /* fall through */
    case 'N':
        if (!is_tensor(object)) return take_number(object, out, room);
        room->tensors++;
        out->word = (int64_t)handle_of(object);
        return out->word != 0;
    case 'I':
        out->word = MT_NONE;
        return none || (take_int(object, &out->word) && out->word != MT_NONE);
    case 'i': return take_int(object, &out->word);
    case 'b':
        out->word = object == _Py_TrueStruct;
        return out->word || object == _Py_FalseStruct;
    case 'F':
        out->real = NAN;
        if (none) return 1; /* fall through */
    case 'f':
        if (object->type != PyFloat_Type && object->type != PyLong_Type) return 0;
        out->real = PyFloat_AsDouble(object);
        return out->real != -1 || !PyErr_Occurred();
    case 'd': {
        out->word = -1;
        if (none) return 1;
        if (object->type != dtype) return 0;
        PyObject *code = PyObject_GetAttrString(object, "_code");
        int good = code && take_int(code, &out->word);
        if (code) Py_DecRef(code);
        return good;
    }
    case 'L': if (none) return 1; /* fall through */
    case 'l': case 's': return take_sequence(object, 0, out, room);
    case 'h': return take_sequence(object, 1, out, room);
    case 'e':
        for (Py_ssize_t i = 0, n = PyTuple_Size(parameter->words); i < n; i++) {
            if (PyTuple_GetItem(parameter->words, i) == object) {
                out->word = i;
                return 1;
            }
        }
        return 0;
    case 'g': return none;
    default: return 1;
    }
}

/* Puts arguments and keywords at their parameters' places; `rest` and its count are those of kind s. */
static int bind(const Operation *operation, PyObject **bound, PyObject *const *given, Py_ssize_t n, int first, PyObject *keywords,
                PyObject *const **rest, Py_ssize_t *rest_count) {
    int count = operation->count, positional = operation->positional;
    for (int i = first; i < count; i++) bound[i] = NULL;
    if (positional && operation->parameters[positional - 1].kind == 's' && n + first >= positional) {
        Py_ssize_t before = positional - 1 - first;
        *rest = given + before;
        *rest_count = n - before;
        n = before;
        if (*rest_count == 1 && (*rest)[0]->type != PyLong_Type) {  /* given as one sequence */
            bound[positional - 1] = (*rest)[0];
            *rest = NULL;
        }
    }
    if (n + first > positional) return 0;
    for (Py_ssize_t i = 0; i < n; i++) bound[first + i] = given[i];
    Py_ssize_t named = keywords ? PyTuple_Size(keywords) : 0;
    PyObject *const *values = given + n + (*rest_count);
    for (Py_ssize_t k = 0; k < named; k++) {
        PyObject *name = PyTuple_GetItem(keywords, k);
        int place = first;
        while (place < count && operation->parameters[place].name != name) place++;
        if (place == count || bound[place] || operation->parameters[place].kind == 's') return 0;
        bound[place] = values[k];
    }
    return 1;
}

PyObject *call_fallback(PyObject *fallback, PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *keywords) {
    int first = self != NULL;
    PyObject *arguments = PyTuple_New(n + first), *named = NULL, *result = NULL;
    if (!arguments) return NULL;
    if (self) PyTuple_SetItem(arguments, 0, keep(self));
    for (Py_ssize_t i = 0; i < n; i++) PyTuple_SetItem(arguments, i + first, keep(given[i]));
    if (!keywords || (named = PyDict_New())) {
        for (Py_ssize_t k = 0; keywords && k < PyTuple_Size(keywords); k++)
            PyDict_SetItem(named, PyTuple_GetItem(keywords, k), given[n + k]);
        result = PyObject_Call(fallback, arguments, named);
    }
    Py_DecRef(arguments);
    if (named) Py_DecRef(named);
    return result;
}

typedef int64_t (*Plain)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
typedef int64_t (*Wide)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                        double, double, double, double);

/* Calls any function of words and reals by one of two types. In the calling conventions of x86-64 and AArch64 on Linux
   words and reals travel in registers of their own (and words beyond the sixth or eighth on the stack, in order), so
   their interleaving does not matter, nor do arguments too many. */
static int64_t call_function(void *function, const int64_t *w, int words, const double *r, int reals) {
    if (words <= 6 && !reals) return ((Plain)function)(w[0], w[1], w[2], w[3], w[4], w[5]);
    return ((Wide)function)(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], r[0], r[1], r[2], r[3]);
}

/* A tuple of owned handles, as the operation gives it; NULL where that fails. */
static PyObject *wrap_all(const Operation *operation, const mt_tensor *handles, Py_ssize_t n) {
    PyObject *tuple = wrap_tuple(handles, n), *arguments = NULL, *result = NULL;
    if (!tuple || operation->finish == _Py_NoneStruct) return tuple;
    if (!(arguments = PyTuple_New(1))) {
        Py_DecRef(tuple);
        return NULL;
    }
    PyTuple_SetItem(arguments, 0, tuple);
    result = PyObject_CallObject(operation->finish, arguments);
    Py_DecRef(arguments);
    return result;
}

static PyObject *run(Operation *operation, PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *keywords) {
    PyObject *bound[MAX_PARAMETERS], *const *rest = NULL;
    Py_ssize_t rest_count = 0;
    Value values[MAX_PARAMETERS];
    Room room;
    int plain, first = self != NULL;
    room.listed = room.made = room.tensors = 0;
    bound[0] = self;
    plain = bind(operation, bound, given, n, first, keywords, &rest, &rest_count);
    for (int i = 0; plain && i < operation->count; i++) {
        const Parameter *parameter = &operation->parameters[i];
        PyObject *object = bound[i] ? bound[i] : parameter->standard;
        if (parameter->kind == 's' && !bound[i] && rest_count) plain = take_list(rest, NULL, rest_count, 0, &values[i], &room);
        else plain = object && take(parameter, object, &values[i], &room);
    }
    plain = plain && (room.tensors || !operation->of_tensors);
    int64_t words[MAX_PARAMETERS] = {0}, result = 0;
    double reals[MAX_REALS] = {0};
    int word_count = 0, real_count = 0;
    mt_tensor made[MAX_SEVERAL];
    mt_tensor_list list;
    for (int i = 0; plain && i < operation->plan_length; i++) {
        if (operation->plan_is_constant[i]) {
            words[word_count++] = operation->plan[i];
            continue;
        }
        const Value *value = &values[operation->plan[i]];
        switch (operation->parameters[operation->plan[i]].kind) {
        case 'f': case 'F': reals[real_count++] = value->real; break;
        case 'l': case 'L': case 's': case 'h':
            words[word_count++] = value->word;
            words[word_count++] = value->count;
            break;
        default: words[word_count++] = value->word;
        }
    }
    if (operation->result == 'l') words[word_count++] = (int64_t)&list;
    if (operation->result == 'm') words[word_count++] = (int64_t)made;
    if (plain) {
        void *state = operation->unlock ? PyEval_SaveThread() : NULL;
        result = call_function(operation->function, words, word_count, reals, real_count);
        if (state) PyEval_RestoreThread(state);
    }
    empty_room(&room);
    if (!plain) {
        if (PyErr_Occurred()) PyErr_Clear();
        return call_fallback(operation->fallback, self, given, n, keywords);
    }
    if (operation->result == 'T') return wrap((mt_tensor)result);
    if (operation->result == 'i' || operation->result == 'q') {
        if (operation->result == 'i') result = (int32_t)result;
        return result == -1 ? raise_library_error() : PyLong_FromLongLong(result);
    }
    if ((int32_t)result) return raise_library_error();
    if (operation->result == 'm') return wrap_all(operation, made, operation->several);
    if (operation->result == 'l') {
        PyObject *tuple = wrap_all(operation, list.items, (Py_ssize_t)list.count);
        mt_tensor_list_free(&list);
        return tuple;
    }
    return keep(operation->result == 's' ? bound[0] : _Py_NoneStruct);
}

/* Neither a function of a module nor a method descriptor carries data of its own that a C function could see, so every
   operation has an entry of its own: entry 0 runs operations[0] as a function, and so on; the second row as a method. */
#define ENTRY(i) \
    static PyObject *function_##i(PyObject *module, PyObject *const *a, Py_ssize_t n, PyObject *k) { \
        return run(&operations[0x##i], NULL, a, n, k); \
    } \
    static PyObject *method_##i(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *k) { \
        return run(&operations[0x##i], self, a, n, k); \
    }
#define NAME_FUNCTION(i) function_##i,
#define NAME_METHOD(i) method_##i,
#define SIXTEEN(X, i) \
    X(i##0) X(i##1) X(i##2) X(i##3) X(i##4) X(i##5) X(i##6) X(i##7) X(i##8) X(i##9) X(i##a) X(i##b) X(i##c) X(i##d) X(i##e) X(i##f)
#define PAGE(X, i) \
    SIXTEEN(X, i##0) SIXTEEN(X, i##1) SIXTEEN(X, i##2) SIXTEEN(X, i##3) SIXTEEN(X, i##4) SIXTEEN(X, i##5) SIXTEEN(X, i##6) \
    SIXTEEN(X, i##7) SIXTEEN(X, i##8) SIXTEEN(X, i##9) SIXTEEN(X, i##a) SIXTEEN(X, i##b) SIXTEEN(X, i##c) SIXTEEN(X, i##d) \
    SIXTEEN(X, i##e) SIXTEEN(X, i##f)
PAGE(ENTRY, 0) PAGE(ENTRY, 1)
static const FastCall function_entries[MAX_OPERATIONS] = {PAGE(NAME_FUNCTION, 0) PAGE(NAME_FUNCTION, 1)};
static const FastCall method_entries[MAX_OPERATIONS] = {PAGE(NAME_METHOD, 0) PAGE(NAME_METHOD, 1)};

/* operation(address, fallback, parameters, positional, plan, result, unlock, name, doc, module or None for a method, several,
   finish): parameters of (kind, name, has default, default, words), plan of (is constant, value); None where there is no room.
   martlet/_bridge.py is the only caller. */
PyObject *make_operation(PyObject *self, PyObject *const *a, Py_ssize_t n, PyObject *keywords) {
    if (n != 12 || operation_count == MAX_OPERATIONS) return keep(_Py_NoneStruct);
    Operation *made = &operations[operation_count];
    memset(made, 0, sizeof *made);
    PyObject *parameters = a[2], *plan = a[4];
    made->count = (int)PyTuple_Size(parameters);
    made->plan_length = (int)PyTuple_Size(plan);
    if (made->count > MAX_PARAMETERS || made->plan_length > MAX_PARAMETERS) return keep(_Py_NoneStruct);
    for (int i = 0; i < made->count; i++) {
        PyObject *parts = PyTuple_GetItem(parameters, i);
        Parameter *parameter = &made->parameters[i];
        parameter->kind = (char)PyLong_AsLongLong(PyTuple_GetItem(parts, 0));
        parameter->name = keep(PyTuple_GetItem(parts, 1));
        if (PyTuple_GetItem(parts, 2) == _Py_TrueStruct) parameter->standard = keep(PyTuple_GetItem(parts, 3));
        parameter->words = keep(PyTuple_GetItem(parts, 4));
        if (strchr("TtNn", parameter->kind)) made->of_tensors = 1;
    }
    int words = 0, reals = 0;
    for (int i = 0; i < made->plan_length; i++) {
        PyObject *step = PyTuple_GetItem(plan, i);
        made->plan_is_constant[i] = PyTuple_GetItem(step, 0) == _Py_TrueStruct;
        made->plan[i] = PyLong_AsLongLong(PyTuple_GetItem(step, 1));
        char kind = made->plan_is_constant[i] ? 'i' : made->parameters[made->plan[i]].kind;
        if (kind == 'f' || kind == 'F') reals++;
        else words += strchr("lLsh", kind) ? 2 : 1;
    }
    made->result = (char)PyLong_AsLongLong(a[5]);
    made->several = (int)PyLong_AsLongLong(a[10]);
    made->finish = keep(a[11]);
    if (strchr("lm", made->result)) words++;
    if (made->several > MAX_SEVERAL) return keep(_Py_NoneStruct);
    if (words > MAX_PARAMETERS || reals > MAX_REALS) return keep(_Py_NoneStruct);
    made->function = PyLong_AsVoidPtr(a[0]);
    made->fallback = keep(a[1]);
    made->positional = (int)PyLong_AsLongLong(a[3]);
    made->unlock = a[6] == _Py_TrueStruct;
    int is_method = a[9] == _Py_NoneStruct;
    /* The texts' bytes objects live as long as the operation: for ever. */
    made->definition.name = PyBytes_AsString(PyUnicode_AsUTF8String(a[7]));
    made->definition.doc = PyBytes_AsString(PyUnicode_AsUTF8String(a[8]));
    made->definition.flags = METH_FASTCALL_KEYWORDS;
    made->definition.function = (is_method ? method_entries : function_entries)[operation_count];
    if (PyErr_Occurred()) return NULL;
    operation_count++;
    if (is_method && !made->unlock) {
        int of_operands = made->plan_length >= made->count && made->count <= 2;
        for (int i = 0; i < made->plan_length; i++)
            if (i < made->count ? made->plan_is_constant[i] || made->plan[i] != i : !made->plan_is_constant[i] || made->plan[i])
                of_operands = 0;
        if (of_operands) note_operator(made->definition.name, made->function, made->result);
    }
    return is_method ? PyDescr_NewMethod(Tensor, &made->definition) : PyCFunction_NewEx(&made->definition, NULL, a[9]);
}
