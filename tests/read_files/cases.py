"""The files, options and schemas that read_files() is compared with Spark's reader on: see run.py."""


def csv(name, text, schema=None, **options):
    return {"name": "csv: " + name, "format": "csv", "files": {"a.csv": text}, "schema": schema, "options": options}


def json(name, text, schema=None, **options):
    return {"name": "json: " + name, "format": "json", "files": {"a.json": text}, "schema": schema, "options": options}


def text(name, content, **options):
    return {"name": "text: " + name, "format": "text", "files": {"a.txt": content}, "schema": None, "options": options}


def parquet(name, *files, schema=None, **options):
    """`files`: of data/."""
    return {"name": "parquet: " + name, "format": "parquet", "files": {}, "data": files, "schema": schema, "options": options}


H = {"header": "true"}
CASES = [
    # ---- how a line is cut
    csv("plain", "a,b\n1,x\n2,y\n", **H),
    csv("no header", "1,x\n2,y\n"),
    csv("line ends of all kinds", "a,b\r\n1,x\r\n2,y\r3,z\n\n  \n4,w", **H),
    csv("quotes", 'a,b\n1,"x,y"\n2,""\n3,\n4,"  p  "\n5,  q  \n', **H),
    csv("doubled quotes with the default escape", 'a,b\n1,"x""y"\n2,"x""y",z\n', **H),
    csv("doubled quotes with escape \"", 'a,b\n1,"x""y"\n2,"""x"""\n3,""""\n', escape='"', **H),
    csv("backslash escapes", 'a,b\n1,"x\\"y"\n2,"x\\\\"\n3,x\\"y\n4,"a\\nb"\n5,"\\"\n', **H),
    csv("a quote within a field", 'a,b\n1,x"y"z\n2,x"\n3,"x"y\n4,"x"y"\n', **H),
    csv("a quote that never closes", 'a,b\n1,"x\n2,y\n', **H),
    csv("text after a closing quote", 'a,b,c\n1,"x" ,2\n3,"x"y,4\n5, "x",6\n', **H),
    csv("separators", "a;b\n1;2,5\n", delimiter=";", **H),
    csv("a tab", "a\tb\n1\tx\n", sep="\\t", **H),
    csv("a separator of two characters", "a||b\n1||x|y\n", sep="||", **H),
    csv("another quote", "a,b\n1,'x,y'\n", quote="'", **H),
    csv("comments", "#c\na,b\n#1,x\n2,y\n", comment="#", **H),
    csv("blanks trimmed", "a, b \n 1 , x \n 2 ,\" y \"\n", ignoreLeadingWhiteSpace="true", ignoreTrailingWhiteSpace="true", **H),
    csv("null value", "a,b\nNA,x\n2,NA\n3,\"NA\"\n4,\n", nullValue="NA", **H),
    csv("empty value", 'a,b\n1,""\n2,\n', emptyValue="E", **H),
    csv("more and fewer fields, inferred", "a,b\n1\n1,2,3\n1,2\n", **H),
    csv("more and fewer fields", "1\n1,2,3\n1,2\n", schema="a INT, b INT"),
    csv("the same with the corrupt record", "1\n1,2,3\n1,2\nx,2\n", schema="a INT, b INT, _corrupt_record STRING"),
    csv("DROPMALFORMED", "1\n1,2,3\n1,2\nx,2\n", schema="a INT, b INT", mode="DROPMALFORMED"),
    csv("FAILFAST", "1,2\nx,2\n", schema="a INT, b INT", mode="FAILFAST"),
    csv("header by position", "b,a\n1,2\n", schema="a INT, b INT", **H),
    csv("names twice and empty", "a,a,,B,b\n1,2,3,4,5\n", **H),
    csv("header quoted", '"a b","c,d"\n1,2\n', **H),
    csv("only a header", "a,b\n", **H),
    csv("a mark at the start", "\ufeffa,b\n1,2\n", **H),
    csv("multiLine", 'a,b\n1,"x\ny"\n2,"p\r\nq"\n3,z\n\n4,"w"', multiLine="true", **H),
    csv("multiLine with escapes", 'a,b\n1,"x\\"\ny"\n2,z\n', multiLine="true", **H),
    csv("multiLine, a quote within", 'a,b\n1,x"\n2,y\n3,"u"v\n4,w\n', multiLine="true", **H),
    csv("several files", "a,b\n1,x\n", **H) | {"files": {"a.csv": "a,b\n1,x\n", "b.csv": "a,b\n2.5,y\n"}},
    # ---- types
    csv("ints", "a,b,c,d\n1,2147483648,9223372036854775808,99999999999999999999999999999999999999\n-1,+2,007,-0\n", **H),
    csv("too long for a decimal", "a\n999999999999999999999999999999999999999\n", **H),
    csv("int then long", "a\n1\n3000000000\n", **H),
    csv("long then decimal", "a\n1\n9223372036854775808\n", **H),
    csv("decimal then double", "a\n9223372036854775808\n1.5\n", **H),
    csv("doubles", "a,b,c,d,e\n1.5,1e3,.5,5.,-1.0E-3\n2,NaN,Infinity,-Infinity,1\n", **H),
    csv("doubles as Java writes them", "a,b,c\n1d,1f,0x1p3\n", **H),
    csv("inf", "a,b,c\nInf,-Inf,nan\n", **H),
    csv("booleans", "a,b,c,d\ntrue,TRUE,t,yes\nfalse,False,f,no\n", **H),
    csv("boolean and number", "a\ntrue\n1\n", **H),
    csv("dates", "a,b,c,d\n2026-01-05,2026-1-5,2026-01-05,20260105\n2026-12-31,2026-12-31,x,20261231\n", **H),
    csv("dates cut short", "a,b\n2026-01,2026\n2026-02,2027\n", **H),
    csv("bad dates", "a,b\n2026-02-30,2026-13-01\n", **H),
    csv("timestamps", "a,b,c\n2026-01-05 10:00:00,2026-01-05T10:00:00Z,2026-01-05T10:00:00.123456+02:00\n", **H),
    csv("timestamps cut short", "a,b,c\n2026-01-05 10:00,2026-01-05 10,10:00:00\n", **H),
    csv("date and timestamp", "a,b\n2026-01-05,2026-01-05 10:00:00\n2026-01-05 10:00:00,2026-01-05\n", **H),
    csv("date with another format", "a,b\n05/01/2026,2026-01-05\n", dateFormat="dd/MM/yyyy", **H),
    csv("timestamp with a format", "a,b\n05.01.2026 10:11,2026-01-05 10:00:00\n", timestampFormat="dd.MM.yyyy HH:mm", **H),
    csv("format of a date column", "05/01/2026,1\n2026-01-05,2\n5/1/2026,3\n", schema="a DATE, b INT", dateFormat="dd/MM/yyyy"),
    csv("format with month names", "5 Jan 2026,1\n12 December 2026,2\n", schema="a DATE, b INT", dateFormat="d MMM yyyy"),
    csv("format of an instant", "2026-01-05 10:11:12.5 PM,1\n2026-01-05 10:11:12.250 AM,2\n", schema="a TIMESTAMP, b INT", timestampFormat="yyyy-MM-dd hh:mm:ss.S a"),
    csv("format with a zone", "2026-01-05T10:11:12+0200,1\n2026-01-05T10:11:12Z,2\n", schema="a TIMESTAMP, b INT", timestampFormat="yyyy-MM-dd'T'HH:mm:ssXX"),
    csv("format with optional parts", "2026-01-05 10:11,1\n2026-01-05 10:11:12,2\n", schema="a TIMESTAMP, b INT", timestampFormat="yyyy-MM-dd HH:mm[:ss]"),
    csv("all types", "1,2,3,4,1.5,2.5,3.50,x,true,2026-01-05,2026-01-05 10:00:00,2026-01-05 10:00:00\n,,,,,,,,,,,\n",
        schema="a TINYINT, b SMALLINT, c INT, d BIGINT, e FLOAT, f DOUBLE, g DECIMAL(10,2), h STRING, i BOOLEAN, j DATE, k TIMESTAMP, l TIMESTAMP_NTZ"),
    csv("values that do not fit", "128,40000,3000000000,1e3,x,1.005,true1,2026-02-30,10:00\n",
        schema="a TINYINT, b SMALLINT, c INT, d BIGINT, e DOUBLE, f DECIMAL(4,2), g BOOLEAN, h DATE, i TIMESTAMP"),
    csv("decimals", "1.005,1e2,99999,abc\n1.00,0.5,-0,+1\n", schema="a DECIMAL(4,2), b DECIMAL(4,1), c DECIMAL(4,0), d DECIMAL(4,0)"),
    csv("blanks around values", " 1, 2.5 , true,2026-01-05 \n", schema="a INT, b DOUBLE, c BOOLEAN, d DATE"),
    csv("no inference", "a,b\n1,2.5\n", inferSchema="false", **H),
    csv("all null", "a,b\n,1\n,2\n", **H),
    csv("nothing", ""),
    csv("not ASCII", "a,b\nZürich,日本\n", **H),
    # ---- JSON
    json("plain", '{"a":1,"b":"x"}\n{"a":2,"b":null}\n\n{"b":"y"}\n'),
    json("fields in order of their names", '{"z":1,"a":2}\n{"m":3}\n'),
    json("numbers", '{"a":1,"b":9223372036854775807,"c":9223372036854775808,"d":1.5,"e":1e3,"f":-0}\n{"a":1.5,"b":1,"c":1,"d":2,"e":1,"f":0}\n'),
    json("a number too long", '{"a":999999999999999999999999999999999999999}\n{"a":1}\n'),
    json("long and decimal and double", '{"a":9223372036854775808,"b":9223372036854775808}\n{"a":1,"b":1.5}\n'),
    json("mixed types", '{"a":1,"b":true,"c":[1],"d":{"x":1}}\n{"a":"x","b":1,"c":"s","d":2}\n'),
    json("empty strings and nulls", '{"a":"","b":null,"c":[],"d":{}}\n{"a":"","b":null,"c":[],"d":{}}\n'),
    json("nested", '{"a":{"x":1,"y":[1,2.5]},"b":[{"p":1},{"q":"s"}]}\n{"a":{"z":true},"b":[]}\n'),
    json("arrays of arrays", '{"a":[[1],[2.5,3]]}\n{"a":null}\n'),
    json("text that looks like a time", '{"a":"2026-01-05","b":"2026-01-05T10:00:00Z"}\n'),
    json("timestamps inferred", '{"a":"2026-01-05","b":"2026-01-05T10:00:00Z","c":"x"}\n', inferTimestamp="true"),
    json("a malformed line", '{"a":1}\n{"a":2\nnothing\n{"a":3}\n'),
    json("a malformed line, schema", '{"a":1}\n{"a":2\n{"a":"x"}\n', schema="a INT"),
    json("the corrupt record", '{"a":1,"b":"s"}\n{"a":2\n{"a":"x","b":"t"}\n', schema="a INT, b STRING, _corrupt_record STRING"),
    json("another name of it", '{"a":1}\n{"a":2\n', schema="a INT, bad STRING", columnNameOfCorruptRecord="bad"),
    json("DROPMALFORMED", '{"a":1}\n{"a":2\n{"a":"x"}\n{"a":4}\n', schema="a INT", mode="DROPMALFORMED"),
    json("FAILFAST", '{"a":1}\n{"a":2\n', schema="a INT", mode="FAILFAST"),
    json("case of names", '{"A":1,"a2":2}\n', schema="a INT, A2 INT"),
    json("multiLine array", '[{"a":1},\n {"a":2, "b":"x]"}\n]\n', multiLine="true"),
    json("multiLine object", '{\n "a": 1,\n "b": {"c": [1, 2]}\n}\n', multiLine="true"),
    json("multiLine, broken", '[{"a":1},\n {"a":2,\n', schema="a INT, _corrupt_record STRING", multiLine="true"),
    json("an array on each line", '[{"a":1},{"a":2}]\n{"a":3}\n'),
    json("primitives as strings", '{"a":1,"b":true,"c":1.50,"d":null,"e":[1]}\n', primitivesAsString="true"),
    json("prefers decimals", '{"a":1.5,"b":1}\n{"a":22.25,"b":2}\n', prefersDecimal="true"),
    json("date formats", '{"a":"05/01/2026","b":"2026-01-05 10h11"}\n', schema="a DATE, b TIMESTAMP", dateFormat="dd/MM/yyyy", timestampFormat="yyyy-MM-dd HH'h'mm"),
    json("all types", '{"a":1,"b":2,"c":3,"d":4,"e":1.5,"f":2.5,"g":3.5,"h":"x","i":true,"j":"2026-01-05","k":"2026-01-05T10:00:00Z","l":"2026-01-05T10:00:00","m":{"x":"1"},"n":["p"],"o":{"k":1}}\n',
         schema="a TINYINT, b SMALLINT, c INT, d BIGINT, e FLOAT, f DOUBLE, g DECIMAL(10,2), h STRING, i BOOLEAN, j DATE, k TIMESTAMP, l TIMESTAMP_NTZ, m STRUCT<x: STRING>, n ARRAY<STRING>, o MAP<STRING, INT>"),
    json("text of numbers and objects", '{"a":1.50,"b":{"x": 1},"c":[1, 2],"d":true}\n', schema="a STRING, b STRING, c STRING, d STRING"),
    json("several files", "") | {"files": {"a.json": '{"a":1}\n', "b.json": '{"a":"x","b":2}\n'}},
    # ---- text
    text("lines", "one\n\n two \r\nthree"),
    text("whole", "one\ntwo\n", wholetext="true"),
    text("another line end", "one;two;\nthree", lineSep=";"),
    # ---- Parquet
    parquet("types", "types"),
    parquet("files with other columns", "new", "old", mergeSchema="true"),
    parquet("declared columns", "old", "new", schema="c BIGINT, A INT, none STRING"),
    parquet("wider types", "old", schema="a BIGINT, b STRING"),
]
