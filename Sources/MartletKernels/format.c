/* format.c: numbers to text. */
#include "include/martlet_kernels.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

int mk_format_double(char *buf, size_t cap, char style, int precision, double v) {
    int n = style == 'e' ? snprintf(buf, cap, "%.*e", precision, v)
          : style == 'f' ? snprintf(buf, cap, "%.*f", precision, v)
                         : snprintf(buf, cap, "%.*g", precision, v);
    const char *point = localeconv()->decimal_point;
    if (point[0] != '.' && point[1] == 0 && n > 0) {
        char *at = memchr(buf, point[0], (size_t)n < cap ? (size_t)n : cap);
        if (at) *at = '.';
    }
    return n;
}
