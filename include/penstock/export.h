// PENSTOCK_API: what libpenstock.so shows of itself. Everything else in it is hidden.
#pragma once

// The bracketed spelling, because g++ 12 takes no other one behind [[nodiscard]].
#define PENSTOCK_API [[gnu::visibility("default")]]
