// Rows of a quarantine as rows of the stream that they were. Private to the folder.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "feed.h"
#include "flow.h"
#include "formats/formats.h"

namespace ticklake::engine {

struct KeptRows {
  std::vector<FeedPiece> pieces;  // those that can be read, in their order
  std::vector<int64_t> numbers;   // which of the rows given each of them is
  // Of each of them "line 7: ", with which the reason of a row that was read from its line has to
  // begin, or "".
  std::vector<std::string> lines;
  std::map<int64_t, std::string> unreadable;  // which of the rows given are not, and why
};

class KeptRowsReader {
 public:
  // Of rows that the dataset's flow has put aside.
  static Result<KeptRowsReader> open(Context& context, const Dataset& dataset);

  // `rows`: with the quarantine's columns. What was malformed in its file is read anew from its
  // line.
  Result<KeptRows> read(const arrow::RecordBatch& rows);

 private:
  KeptRowsReader(Context& context, const Dataset& dataset,
                 std::unique_ptr<formats::JsonDecoder> decoder)
      : context_(&context), dataset_(&dataset), decoder_(std::move(decoder)) {}

  struct Line {
    BatchPtr row;  // null: it is none
    std::string problem;
  };
  Result<Line> from_line(const BatchPtr& row, const std::string& line,
                         const std::string& reason) const;

  Context* context_;
  const Dataset* dataset_;
  std::unique_ptr<formats::JsonDecoder> decoder_;
};

}  // namespace ticklake::engine
