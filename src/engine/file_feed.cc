// Invariants: a file is in the list, durably, before any of it is read; files are read in the
// list's order, each from its start to the size that the list says; the progress is the number of
// the file that comes next and the place in it, and moves with the rows' commit alone.
//
//   scan: what is at the path and not in the list -> list       (paced)
//   gather: the list from the progress on -> rows, until a batch is full
#include "file_feed.h"

#include <arrow/table.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "file_list.h"
#include "file_listing.h"
#include "file_shape.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kBatchBytesMax = 64 << 20;
constexpr int64_t kInferBytes = 64 << 20;
constexpr int64_t kFilesPerLook = 20'000;
constexpr size_t kListPartMax = 50'000;
// Between two looks at the directory: at least this, and many times what a look takes.
constexpr int64_t kScanEveryUs = kMicrosPerSecond;
constexpr int64_t kScanShare = 20;
const Partition kPartition(0);

struct Ids {
  std::string file, position, line;
};

struct Place {
  int64_t file = 0;
  formats::FilePlace in = {};
};

class FileFeed final : public Feed {
 public:
  FileFeed(io::FileStore& files, const io::Clock& clock, FileFeedOptions options, FileShape shape,
           FileList list, SourceProgress source, Ids ids, Place place, bool first)
      : files_(files),
        clock_(clock),
        options_(std::move(options)),
        shape_(std::move(shape)),
        list_(std::move(list)),
        source_(std::move(source)),
        ids_(std::move(ids)),
        place_(place),
        pass_existing_(first && !options_.arguments.include_existing) {}

  Result<void> gather() override;
  int64_t pending_rows() const override { return pending_rows_; }
  // Files without rows are passed over without a commit until they fill a batch.
  bool must_commit() const override { return pending_rows_ == 0 && full() && !problem_; }
  bool full() const override {
    return pending_rows_ >= (options_.rows_max + 1) / 2 || pending_bytes_ >= kBatchBytesMax / 2 ||
           batch_files_ >= options_.arguments.files_max ||
           batch_file_bytes_ >= options_.arguments.bytes_max.value_or(INT64_MAX) ||
           problem_.has_value();
  }
  bool at_end(bool) const override {
    return options_.once && scanned_ && place_.file >= list_.size() && !problem_;
  }
  FeedBatch take() override;
  void committed() override { source_.committed(); }
  std::optional<int64_t> lag_rows() const override {
    if (place_.file < list_.size()) return {};
    return pending_rows_;
  }
  std::optional<FileLag> file_lag() const override;
  bool covered(const FeedPiece& piece, int64_t row, const Progress& stored) const override;
  std::string describe(const FeedPiece& piece, int64_t row) const override;

 private:
  io::Path absolute(const std::string& listed) const {
    return listed.starts_with('/') ? listed : io::join(options_.project, listed);
  }
  std::string listed_path(const io::Path& path) const;
  Result<void> scan();
  Result<void> sift(std::vector<io::FileInfo> found);
  Result<void> end_scan();
  Result<bool> open_next();
  Result<void> check_unchanged(const ListedFile& file, const io::FileInfo& now) const;
  Result<bool> read_some();
  Result<bool> evolve(const std::set<std::string>& unknown);
  Result<Schema> look_ahead();
  void keep(formats::FileReader::Rows rows, BatchPtr batch);
  void end_file();
  // What keeps the file from being read: passed over where that is asked for.
  Result<void> failed(Error error);

  io::FileStore& files_;
  const io::Clock& clock_;
  FileFeedOptions options_;
  FileShape shape_;
  FileList list_;
  SourceProgress source_;
  Ids ids_;
  Place place_;          // where the next rows are
  bool pass_existing_;   // what the first look finds is not to be read
  std::optional<FileListing> listing_;
  std::vector<ListedFile> fresh_;
  bool scanned_ = false;
  int64_t scan_took_us_ = 0;
  int64_t next_scan_us_ = 0;
  std::optional<OpenFile> open_;
  std::set<std::string> let_be_;  // unknown fields that make no columns
  std::optional<Error> problem_;  // to be told when what came before it is stored
  FileLag lag_;
  // The batch that is being gathered.
  Batches pending_;
  std::shared_ptr<FileRows> rows_ = std::make_shared<FileRows>();
  int64_t pending_rows_ = 0;
  int64_t pending_bytes_ = 0;
  int64_t batch_files_ = 0;
  int64_t batch_file_bytes_ = 0;
};

std::string FileFeed::listed_path(const io::Path& path) const {
  std::string prefix = options_.project.empty() ? "" : options_.project + "/";
  return path.starts_with(prefix) ? path.substr(prefix.size()) : path;
}

// ---- what is there

Result<void> FileFeed::sift(std::vector<io::FileInfo> found) {
  for (auto& file : found) {
    std::string path = listed_path(file.path);
    if (!is_utf8(path)) {
      return Error{Code::Invalid, fmt::format("read_files: the name of {} is not UTF-8; rename it",
                                              printable(file.path, 500))};
    }
    if (auto known = list_.find(path)) {
      ListedFile before = list_.at(*known);
      bool same = before.size == file.size && before.modified_ms == file.modified_ms;
      // One that is still to be read is read as it is then; see open_next.
      if (same || *known >= place_.file) continue;
      ++lag_.changed;
      if (!options_.arguments.allow_overwrites) continue;
    }
    fresh_.push_back({std::move(path), file.size, file.modified_ms, pass_existing_});
  }
  return {};
}

Result<void> FileFeed::end_scan() {
  listing_.reset();
  std::sort(fresh_.begin(), fresh_.end(), [](const ListedFile& a, const ListedFile& b) {
    return a.modified_ms != b.modified_ms ? a.modified_ms < b.modified_ms : a.path < b.path;
  });
  for (size_t at = 0; at < fresh_.size(); at += kListPartMax) {
    size_t end = std::min(fresh_.size(), at + kListPartMax);
    TRY(list_.append({fresh_.begin() + static_cast<ptrdiff_t>(at),
                      fresh_.begin() + static_cast<ptrdiff_t>(end)}));
  }
  fresh_.clear();
  scanned_ = true;
  pass_existing_ = false;
  next_scan_us_ = clock_.now_us() + std::max(kScanEveryUs, scan_took_us_ * kScanShare);
  scan_took_us_ = 0;
  return {};
}

// A bounded part of a look.
Result<void> FileFeed::scan() {
  bool due = scanned_ ? !options_.once && clock_.now_us() >= next_scan_us_ : true;
  if (!listing_ && !due) return {};
  int64_t start = clock_.now_us();
  if (!listing_) {
    lag_.changed = 0;
    listing_.emplace(files_, options_.arguments);
  }
  do {
    auto found = TRY(listing_->next(kFilesPerLook));
    TRY(sift(std::move(found)));
  } while (options_.once && !listing_->done());
  scan_took_us_ += clock_.now_us() - start;
  if (listing_->done()) TRY(end_scan());
  return {};
}

// ---- reading

Result<void> FileFeed::failed(Error error) {
  const auto& arguments = options_.arguments;
  bool gone = error.code == Code::NotFound;
  bool pass = gone ? arguments.ignore_missing
                   : error.code == Code::Corrupt && arguments.ignore_corrupt;
  if (pass) {
    ++lag_.skipped;
    end_file();
    return {};
  }
  open_.reset();
  if (gone) {
    error = {Code::Invalid,
             fmt::format("{}: the file was there when it was listed and is gone; bring it back, or "
                         "pass over such files with ignoreMissingFiles => true",
                         absolute(list_.at(place_.file).path))};
  }
  problem_ = prefixed("read_files", std::move(error));
  return {};
}

// A file that is read in part must be what it was. One that is not begun is read as it is now.
Result<void> FileFeed::check_unchanged(const ListedFile& file, const io::FileInfo& now) const {
  bool begun = place_.in.position > 0;
  bool same = file.size == now.size && file.modified_ms == now.modified_ms;
  if (!begun || same) return {};
  return Error{Code::Invalid,
               fmt::format("{}, line {}: the file changed while it was being read (it had {} bytes "
                           "when it was listed, now {}), and what is before that line is in the "
                           "table; put the old file back, or rebuild the table with "
                           "--full-refresh. Give files their name when they are complete: write "
                           "under a name that begins with '_' and rename",
                           now.path, place_.in.line, file.size, now.size)};
}

void FileFeed::end_file() {
  if (open_) batch_file_bytes_ += open_->info.size;
  open_.reset();
  ++place_.file;
  place_.in = {};
  ++batch_files_;
}

// False: there is none, or it was passed over.
Result<bool> FileFeed::open_next() {
  ListedFile listed = list_.at(place_.file);
  // A later number of the path: it changed before its turn, and is read there.
  bool later = place_.in.position == 0 && list_.find(listed.path).value_or(0) > place_.file;
  if (listed.passed || later) {
    ++place_.file;
    return false;
  }
  auto now = files_.info(absolute(listed.path));
  if (!now) {
    TRY(failed(now.error()));
    return false;
  }
  auto unchanged = check_unchanged(listed, *now);
  if (!unchanged) {
    TRY(failed(unchanged.error()));
    return false;
  }
  bool differs = listed.size != now->size || listed.modified_ms != now->modified_ms;
  if (differs) {
    // As it is now goes to the list's end, so that what it was read as is on record.
    TRY(list_.append({{listed.path, now->size, now->modified_ms, false}}));
    ++place_.file;
    return false;
  }
  auto opened = open_file(files_, options_.arguments, shape_, options_.input, *now, place_.in);
  if (!opened) {
    TRY(failed(opened.error()));
    return false;
  }
  open_ = *std::move(opened);
  return true;
}

Result<Schema> FileFeed::look_ahead() {
  auto inference = formats::SchemaInference::make(options_.arguments.format);
  auto bytes = TRY(files_.open(open_->info.path));
  TRY(inference->add(source_file(open_->info, std::move(bytes)), kInferBytes, place_.in));
  return inference->schema();
}

// True: the rows that were just read must not be taken.
Result<bool> FileFeed::evolve(const std::set<std::string>& unknown) {
  using Evolution = FileArguments::Evolution;
  Evolution mode = options_.arguments.evolution;
  if (mode == Evolution::Rescue || mode == Evolution::None) return false;
  if (std::includes(let_be_.begin(), let_be_.end(), unknown.begin(), unknown.end())) return false;
  Schema seen = TRY(look_ahead());
  for (const auto& name : unknown) {
    // The look may not have come so far.
    if (name.find('.') == std::string::npos && seen.find(name) < 0) {
      seen.fields.push_back({name, Kind::String});
    }
  }
  if (!has_more(shape_, seen)) {
    // They differ from columns in case only, or are in the path too: rescued.
    let_be_.insert(unknown.begin(), unknown.end());
    return false;
  }
  std::vector<std::string> names(unknown.begin(), unknown.end());
  std::string what = fmt::format("read_files: {}: there are new columns: {}", open_->info.path,
                                 joined(names, ", "));
  if (mode == Evolution::AddNewColumns) {
    TRY(record_more(files_, options_.storage, options_.arguments, seen));
    what += "; they are recorded: run again, and the table gets them (schemaEvolutionMode => "
            "'rescue' would keep them in the rescued data instead)";
  } else {
    what += "; add them to schemaHints, or keep them with schemaEvolutionMode => 'rescue', or "
            "take the file away";
  }
  problem_ = Error{Code::Invalid, std::move(what)};
  open_.reset();
  return true;
}

void FileFeed::keep(formats::FileReader::Rows rows, BatchPtr batch) {
  for (const auto& place : rows.places) {
    rows_->places.push_back({place_.file, place.position, place.line});
  }
  for (auto& bad : rows.bad) {
    int64_t line = rows.places[static_cast<size_t>(bad.row)].line;
    rows_->undecodable.push_back({pending_rows_ + bad.row, std::move(bad.raw),
                                  fmt::format("line {}: {}", line, bad.reason)});
  }
  rows_->dropped += rows.dropped;
  pending_rows_ += batch->num_rows();
  auto bytes = arrow::util::ReferencedBufferSize(*batch);
  pending_bytes_ += bytes.ok() ? *bytes : arrow::util::TotalBufferSize(*batch);
  if (batch->num_rows() > 0) pending_.push_back(std::move(batch));
}

// False: nothing more can be read now.
Result<bool> FileFeed::read_some() {
  if (!open_) {
    if (place_.file >= list_.size()) return false;
    TRY(open_next());
    return true;
  }
  auto rows = open_->reader->next(options_.rows_max - pending_rows_,
                                  std::max<int64_t>(1 << 20, kBatchBytesMax - pending_bytes_));
  if (!rows) {
    TRY(failed(rows.error()));
    return true;
  }
  bool refused = TRY(evolve(open_->reader->unknown()));
  if (refused) return true;
  if (!rows->batch) {
    end_file();
    return true;
  }
  auto batch = TRY(completed(*open_, options_.input, rows->batch));
  keep(*std::move(rows), std::move(batch));
  place_.in = open_->reader->place();
  return true;
}

Result<void> FileFeed::gather() {
  TRY(scan());
  while (!full()) {
    bool more = TRY(read_some());
    if (!more) break;
  }
  if (problem_ && pending_rows_ == 0) return *problem_;
  return {};
}

FeedBatch FileFeed::take() {
  FeedBatch out;
  if (!pending_.empty()) {
    // Many small files make one piece.
    auto table = arrow::Table::FromRecordBatches(to_arrow(options_.input), pending_);
    CHECK(table.ok(), "batches of one schema");
    auto whole = (*table)->CombineChunksToBatch();
    CHECK(whole.ok(), "a batch is small enough to be one");
    out.pieces.push_back({.partition = kPartition, .rows = *whole, .files = std::move(rows_)});
    rows_ = std::make_shared<FileRows>();
  }
  out.partitions.insert(kPartition);
  if (place_.file >= list_.size()) out.ended.insert(kPartition);
  out.progress[ids_.file] = place_.file;
  out.progress[ids_.position] = place_.in.position;
  out.progress[ids_.line] = place_.in.line;
  source_.add_name(out.progress);
  pending_.clear();
  pending_rows_ = pending_bytes_ = batch_files_ = batch_file_bytes_ = 0;
  return out;
}

std::optional<FileLag> FileFeed::file_lag() const {
  FileLag out = lag_;
  out.files = list_.size() - place_.file;
  out.bytes = std::max<int64_t>(0, list_.bytes_from(place_.file) - place_.in.position);
  return out;
}

bool FileFeed::covered(const FeedPiece& piece, int64_t row, const Progress& stored) const {
  auto file = stored.find(ids_.file);
  auto position = stored.find(ids_.position);
  if (file == stored.end() || position == stored.end()) return false;
  const FileRow& place = piece.files->places[static_cast<size_t>(row)];
  return place.file != file->second ? place.file < file->second
                                    : place.position < position->second;
}

std::string FileFeed::describe(const FeedPiece& piece, int64_t row) const {
  const FileRow& place = piece.files->places[static_cast<size_t>(row)];
  return fmt::format("{}, line {}", absolute(list_.at(place.file).path), place.line);
}

int64_t value_or(const Progress& stored, const std::string& id, int64_t other) {
  auto found = stored.find(id);
  return found == stored.end() ? other : found->second;
}

}  // namespace

Result<std::unique_ptr<Feed>> open_file_feed(io::FileStore& files, const io::Clock& clock,
                                             FileFeedOptions options, const Progress& stored) {
  auto source = TRY(SourceProgress::open(options.place, stored, "files", "read_files"));
  const std::string& base = source.prefix();
  Ids ids{base + "file", base + "position", base + "line"};
  bool first = !stored.contains(ids.file);
  FileList list = TRY(FileList::open(files, options.list));
  Place place{.file = value_or(stored, ids.file, 0),
              .in = {value_or(stored, ids.position, 0), value_or(stored, ids.line, 1)}};
  if (place.file > list.size()) {
    return Error{Code::Corrupt,
                 fmt::format("read_files: the table holds {} files but the list of files {} has "
                             "{}; restore it, or rebuild the table with --full-refresh",
                             place.file, options.list, list.size())};
  }
  FileShape shape = shape_of(options.input, options.arguments);
  TRY(record_shape(files, options.storage, options.arguments, shape));
  first = first && list.size() == 0;
  return std::unique_ptr<Feed>(new FileFeed(files, clock, std::move(options), std::move(shape),
                                            std::move(list), std::move(source), std::move(ids),
                                            place, first));
}

}  // namespace ticklake::engine
