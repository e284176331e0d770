using System.Globalization;
using Serilog;
using Serilog.Events;
using Serilog.Formatting;
using Serilog.Formatting.Display;

namespace Registry.Host.Serving;

/// <summary>The log: standard error, one line per record, ISO time, level, source, text.</summary>
internal sealed class LineLog : ITextFormatter
{
    private const string Source = "LogSource";

    // Texts without the quotes that Serilog would put around them.
    private static readonly MessageTemplateTextFormatter Message = new("{Message:lj}", CultureInfo.InvariantCulture);

    /// <summary>Sends everything logged through Microsoft.Extensions.Logging, Akka's records included, to standard error.</summary>
    public static void AddTo(IServiceCollection services, LogThreshold threshold) => services.AddSerilog(
        configuration => configuration
            .MinimumLevel.ControlledBy(threshold.Switch)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            // Their text repeats what the caller gets as an error anyway.
            .MinimumLevel.Override("Microsoft.Extensions.Hosting", LogEventLevel.Fatal)
            .WriteTo.Console(new LineLog(), standardErrorFromLevel: LevelAlias.Minimum),
        preserveStaticLogger: true);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        output.Write(logEvent.Timestamp.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
        output.Write(' ');
        output.Write(logEvent.Level.ToString()[..4].ToUpperInvariant());
        output.Write(" [");
        output.Write(ReadSource(logEvent));
        output.Write("] ");
        // What peers and callers sent may stand in the text: it must not be able to start a line of its own.
        var text = new StringWriter(CultureInfo.InvariantCulture);
        Message.Format(logEvent, text);
        WriteOnOneLine(text.ToString(), output);
        if (logEvent.Exception is { } exception)
        {
            output.Write(" | ");
            WriteOnOneLine(exception.ToString(), output);
        }
        output.WriteLine();
    }

    // Akka's category is always that of the actor system; the actor stands in LogSource.
    private static string ReadSource(LogEvent logEvent) =>
        (logEvent.Properties.GetValueOrDefault(Source) ?? logEvent.Properties.GetValueOrDefault("SourceContext")) is ScalarValue { Value: { } value }
            ? value.ToString() ?? "-"
            : "-";

    private static void WriteOnOneLine(string text, TextWriter output)
    {
        foreach (var c in text)
        {
            if (!char.IsControl(c))
                output.Write(c);
            else if (c == '\n')
                output.Write(" ⏎ ");
            else if (c != '\r')
                output.Write(' ');
        }
    }
}
