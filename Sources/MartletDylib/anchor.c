/* Carries the link settings of libmartlet.so; holds no code. */
int martlet_dylib_anchor;
