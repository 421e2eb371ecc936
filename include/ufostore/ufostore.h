/* ufostore.h - all of ufostore: durable, larger-than-memory arrays that behave like ordinary memory. */
#ifndef UFOSTORE_UFOSTORE_H
#define UFOSTORE_UFOSTORE_H

#include <ufostore/attributes.h>
#include <ufostore/csv.h>
#include <ufostore/error.h>
#include <ufostore/pool.h>
#include <ufostore/region.h>
#include <ufostore/salvage.h>
#include <ufostore/sequence.h>
#include <ufostore/snapshot.h>
#include <ufostore/store.h>
#include <ufostore/text.h>
#include <ufostore/txn.h>
#include <ufostore/version.h>
#include <ufostore/view.h>

#endif
