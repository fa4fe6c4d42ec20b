// Everything of libpenstock: direct I/O for C++ programs. docs/library.md begins with a tutorial.
#pragma once

#include "penstock/append_file.h"
#include "penstock/block_cache.h"
#include "penstock/block_key.h"
#include "penstock/engine.h"
#include "penstock/error.h"
#include "penstock/io_mode.h"
#include "penstock/preparation.h"
#include "penstock/probe.h"
#include "penstock/read_ahead.h"
#include "penstock/read_file.h"
#include "penstock/result.h"
#include "penstock/version.h"
