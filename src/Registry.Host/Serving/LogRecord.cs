using System.Globalization;
using Serilog.Events;
using Serilog.Formatting.Display;
using Serilog.Parsing;

namespace Registry.Host.Serving;

/// <summary>What a record says beside its text, wherever it came from: Akka's records carry what an actor's thread knew as properties.</summary>
internal static class LogRecord
{
    private const string RegistryPath = "/user/tube-registry/";

    // Texts without the quotes that Serilog would put around them.
    private static readonly MessageTemplateTextFormatter Message = new("{Message:l}", CultureInfo.InvariantCulture);

    /// <summary>What Akka adds to each record for itself, and what is written under names of our own.</summary>
    private static readonly HashSet<string> Known =
        ["LogSource", "SourceContext", "ActorPath", "Timestamp", "Thread", "Message", "EventId", "Akka.TraceId", "Akka.SpanId", "Akka.TraceFlags", "TubeId", "Connection", "ConversationId", "TraceId", "SpanId"];

    /// <summary>Who logged it: an actor or a type. Akka's category is always that of the actor system; the actor stands in LogSource.</summary>
    public static string Source(LogEvent record) => Text(record, "LogSource") is { } actor ? WithoutSystem(actor) : Text(record, "SourceContext") ?? "-";

    /// <summary>The same without the tube, where the text names it.</summary>
    public static string SourceBesideText(LogEvent record)
    {
        var source = Source(record);
        return Text(record, "TubeId") is { } tube && source.EndsWith($"/{tube}", StringComparison.Ordinal) ? source[..^(tube.Length + 1)] : source;
    }

    public static string Time(LogEvent record) => record.Timestamp.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    public static string MessageOf(LogEvent record)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        Message.Format(WithArgumentsInOrder(record), text);
        return text.ToString();
    }

    /// <summary>The tube it is about: the one it names, the one whose connection it is, or the one whose actor logged it.</summary>
    public static string? Tube(LogEvent record)
    {
        if ((Text(record, "TubeId") ?? Text(record, "Connection")) is { } named)
            return named;
        if (Text(record, "ActorPath") is not { } path || path.IndexOf(RegistryPath, StringComparison.Ordinal) is not (>= 0 and var at))
            return null;
        return path[(at + RegistryPath.Length)..].Split('/', '#')[0];
    }

    public static string? Conversation(LogEvent record) => Text(record, "ConversationId");

    public static string? Trace(LogEvent record) => Text(record, "Akka.TraceId") ?? record.TraceId?.ToHexString();

    /// <summary>The rest of what it says under names; what only has a number stands in the text.</summary>
    public static IEnumerable<KeyValuePair<string, LogEventPropertyValue>> Fields(LogEvent record) => record.Properties.Where(p => !Known.Contains(p.Key) && !char.IsAsciiDigit(p.Key[0]));

    // Akka names its arguments, in their order, after the holes of the template in theirs: of "{1} before {0}" the two are exchanged.
    private static LogEvent WithArgumentsInOrder(LogEvent record)
    {
        string[] holes = [.. record.MessageTemplate.Tokens.OfType<PropertyToken>().Select(hole => hole.PropertyName).Distinct()];
        if (!record.Properties.ContainsKey("ActorPath") || !Array.TrueForAll(holes, hole => char.IsAsciiDigit(hole[0])))
            return record;
        var arguments = holes.Select((hole, index) => new LogEventProperty(index.ToString(CultureInfo.InvariantCulture), record.Properties[hole]));
        return new(record.Timestamp, record.Level, record.Exception, record.MessageTemplate, arguments);
    }

    // The system and its address are the same in every line: "akka.tcp://registry@10.0.0.1:4053/user/x" is "/user/x", "Cluster (akka://registry)" is "Cluster".
    private static string WithoutSystem(string source)
    {
        if (source.IndexOf(" (akka://", StringComparison.Ordinal) is > 0 and var suffix)
            return source[..suffix];
        return source.StartsWith("akka", StringComparison.Ordinal) && source.IndexOf("://", StringComparison.Ordinal) is > 0 and var scheme && source.IndexOf('/', scheme + 3) is > 0 and var path
            ? source[path..]
            : source;
    }

    private static string? Text(LogEvent record, string property) => record.Properties.GetValueOrDefault(property) is ScalarValue { Value: { } value } ? value.ToString() : null;
}
