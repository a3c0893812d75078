/* families.h: the families of loops, for one element type T. */
#include "unary.h"
#include "binary.h"
#include "reduce.h"
#include "rows.h"
#include "optim.h"
