using System.Globalization;
using System.Text;
using System.Text.Json;
using Serilog.Events;
using Serilog.Formatting;

namespace Registry.Host.Serving;

/// <summary>
/// A record as an object of JSON on a line of its own: <c>time</c>, <c>level</c>, <c>source</c>, <c>message</c>, where they are known <c>tubeId</c>, <c>conversationId</c> and
/// <c>traceId</c>, then <c>exception</c>, and what else the message was made of as <c>fields</c>.
/// </summary>
internal sealed class JsonLog : ITextFormatter
{
    public void Format(LogEvent logEvent, TextWriter output)
    {
        var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
            Write(logEvent, json);
        output.WriteLine(Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length));
    }

    private static void Write(LogEvent record, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("time", LogRecord.Time(record));
        json.WriteString("level", LogSettings.LevelNames[(int)record.Level].Text);
        json.WriteString("source", LogRecord.Source(record));
        json.WriteString("message", LogRecord.MessageOf(record));
        WriteKnown(json, "tubeId", LogRecord.Tube(record));
        WriteKnown(json, "conversationId", LogRecord.Conversation(record));
        WriteKnown(json, "traceId", LogRecord.Trace(record));
        WriteKnown(json, "exception", record.Exception?.ToString());
        var fields = LogRecord.Fields(record).ToArray();
        if (fields.Length > 0)
        {
            json.WriteStartObject("fields");
            foreach (var (name, value) in fields)
                WriteField(json, name, value);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteKnown(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
            json.WriteString(name, value);
    }

    private static void WriteField(Utf8JsonWriter json, string name, LogEventPropertyValue value)
    {
        switch (value)
        {
            case ScalarValue { Value: int number }:
                json.WriteNumber(name, number);
                break;
            case ScalarValue { Value: long number }:
                json.WriteNumber(name, number);
                break;
            case ScalarValue { Value: double number } when double.IsFinite(number):
                json.WriteNumber(name, number);
                break;
            case ScalarValue { Value: bool flag }:
                json.WriteBoolean(name, flag);
                break;
            case ScalarValue { Value: DateTimeOffset time }:
                json.WriteString(name, time.UtcDateTime);
                break;
            case ScalarValue { Value: var scalar }:
                json.WriteString(name, Convert.ToString(scalar, CultureInfo.InvariantCulture));
                break;
            default:
                json.WriteString(name, value.ToString(null, CultureInfo.InvariantCulture));
                break;
        }
    }
}
