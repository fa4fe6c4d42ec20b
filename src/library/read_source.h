// ReadSource: an open file and how it is read, shared by what reads it.
//
// Ownership: shared by the public ReadFile, its reads in flight, and the ReadAheads on it.
// Threading: the engine's thread.
#pragma once

#include <string>

#include "file/read_file.h"
#include "library/engine_core.h"
#include "penstock/read_file.h"

namespace penstock {

struct ReadSource {
  file::ReadFile file;
  std::string mode_reason;
};

class ReadFile::Impl {
 public:
  Impl(EngineCore& core, ReadSource source)
      : attachment_(core), source_(std::make_shared<ReadSource>(std::move(source))) {}

  EngineCore& core() const { return attachment_.core(); }
  const std::shared_ptr<ReadSource>& source() const { return source_; }

 private:
  EngineCore::Attachment attachment_;
  std::shared_ptr<ReadSource> source_;
};

}  // namespace penstock
