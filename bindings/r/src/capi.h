/* capi.h - what other packages call from C: the functions of inst/include/ufostoreR.h, which says what they do. */
#ifndef UFOR_CAPI_H
#define UFOR_CAPI_H

/* Makes them known to R. */
void ufor_capi_init(void);

#endif
