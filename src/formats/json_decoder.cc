#include <fmt/format.h>

#include "formats/formats.h"
#include "formats/json_flat.h"
#include "formats/json_tree.h"

namespace ticklake::formats {
namespace {

constexpr int64_t kBytesPerBatchMax = int64_t{1} << 30;

Type nullable(const Type& type);

Field nullable(Field field) {
  field.type = nullable(field.type);
  field.nullable = true;
  return field;
}

// Whatever the schema says, a text may lack the field.
Type nullable(const Type& type) {
  if (!type.is_nested()) return type;
  const std::vector<Field>& children = *type.children;
  if (type.kind == Kind::Array) return Type::array(nullable(children[0].type));
  if (type.kind == Kind::Map) return Type::map(children[0].type, nullable(children[1].type));
  std::vector<Field> fields;
  for (const Field& field : children) fields.push_back(nullable(field));
  return Type::structure(std::move(fields));
}

Result<void> check_decodable(const Field& field) {
  const Type& type = field.type;
  if (type.kind == Kind::Interval) {
    return Error{Code::Unsupported,
                 fmt::format("{}: JSON has no value of type {}", field.name, to_sql(type))};
  }
  if (!type.is_nested()) return {};
  if (type.kind == Kind::Map && (*type.children)[0].type.kind != Kind::String) {
    return Error{Code::Unsupported,
                 fmt::format("{}: the keys of a MAP read from JSON must be STRING, not {}",
                             field.name, to_sql((*type.children)[0].type))};
  }
  for (const Field& child : *type.children) TRY(check_decodable(child));
  return {};
}

class Decoder final : public JsonDecoder {
 public:
  explicit Decoder(Schema schema)
      : arrow_schema_(to_arrow(schema)),
        root_(Type::structure(schema.fields)),
        flat_(schema.fields),
        tree_(make_tree_reader()) {}

  Result<Rows> decode(std::span<const std::string_view> texts,
                      const std::vector<bool>& valid) override;

 private:
  std::string decode_row(std::string_view text);
  std::string take_scalars();

  std::shared_ptr<arrow::Schema> arrow_schema_;
  Column root_;
  FlatReader flat_;
  std::unique_ptr<TreeReader> tree_;
};

// Appends the scalars of the flat reader, a row that is well-formed.
std::string Decoder::take_scalars() {
  std::string reason;
  const std::vector<Scalar>& scalars = flat_.scalars();
  for (size_t i = 0; i < scalars.size(); ++i) {
    Column& column = root_.children()[i];
    if (append_scalar(column, scalars[i])) [[likely]] continue;
    if (reason.empty()) {
      reason = (*root_.type().children)[i].name + ": " + mismatch(column.type(), scalars[i]);
    }
    column.append_null();
  }
  root_.append_parent();
  return reason;
}

std::string Decoder::decode_row(std::string_view text) {
  return flat_.read(text) ? take_scalars() : tree_->read(text, root_);
}

Result<JsonDecoder::Rows> Decoder::decode(std::span<const std::string_view> texts,
                                          const std::vector<bool>& valid) {
  CHECK(valid.empty() || valid.size() == texts.size(), "one flag a text");
  int64_t bytes = 0;
  for (std::string_view text : texts) bytes += static_cast<int64_t>(text.size());
  if (bytes > kBytesPerBatchMax) {
    return Error{Code::Invalid,
                 fmt::format("{} texts have {} bytes together; at most {} bytes can be decoded "
                             "at once: take fewer",
                             texts.size(), bytes, kBytesPerBatchMax)};
  }
  Rows out;
  auto rows = static_cast<int64_t>(texts.size());
  root_.reserve(rows);
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!valid.empty() && !valid[i]) {
      root_.append_null();
      continue;
    }
    std::string reason = decode_row(texts[i]);
    if (!reason.empty()) [[unlikely]] {
      out.failures.push_back({static_cast<int64_t>(i), std::move(reason)});
    }
  }
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (Column& child : root_.children()) columns.push_back(child.finish());
  root_.truncate(0);
  out.batch = arrow::RecordBatch::Make(arrow_schema_, rows, std::move(columns));
  return out;
}

}  // namespace

Result<std::unique_ptr<JsonDecoder>> JsonDecoder::make(Schema schema) {
  for (Field& field : schema.fields) {
    TRY(check_decodable(field));
    field = nullable(std::move(field));
  }
  return std::unique_ptr<JsonDecoder>(std::make_unique<Decoder>(std::move(schema)));
}

}  // namespace ticklake::formats
