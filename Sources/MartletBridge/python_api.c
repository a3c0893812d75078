#define _GNU_SOURCE
#include "python_api.h"

#include <dlfcn.h>

#define DEFINE_FUNCTION(result, name, parameters) result (*name) parameters;
#define DEFINE_OBJECT(name) PyObject *name;
PYTHON_FUNCTIONS(DEFINE_FUNCTION)
PYTHON_OBJECTS(DEFINE_OBJECT)
PyObject **PyExc_TypeError, **PyExc_AttributeError;

int find_python(void) {
#define FIND_FUNCTION(result, name, parameters) \
    name = (result (*) parameters)dlsym(RTLD_DEFAULT, #name); \
    if (!name) return 0;
#define FIND_OBJECT(name) \
    if (!(name = dlsym(RTLD_DEFAULT, #name))) return 0;
    PYTHON_FUNCTIONS(FIND_FUNCTION)
    PYTHON_OBJECTS(FIND_OBJECT)
    FIND_OBJECT(PyExc_TypeError)
    FIND_OBJECT(PyExc_AttributeError)
    return 1;
}
