using System.Net.Sockets;
using Akka.Actor;
using Akka.Remote;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace Registry.Host.Serving;

/// <summary>The log: standard error, one line per record, ISO time, level, source, text.</summary>
internal sealed class LineLog : ITextFormatter
{
    private static readonly string[] Elsewhere = ["Marking node(s) as UNREACHABLE", "unable to update a distributed state within", "Remoting error: [Startup failed]"];

    /// <summary>Sends everything logged through Microsoft.Extensions.Logging, Akka's records included, to standard error.</summary>
    public static void AddTo(IServiceCollection services, LogThreshold threshold) => services.AddSerilog(
        configuration =>
        {
            var settings = threshold.Settings;
            configuration.MinimumLevel.ControlledBy(threshold.Switch);
            // At its door already, so that what is not wanted is not put together.
            foreach (var (category, level) in settings.AllLevels)
                configuration.MinimumLevel.Override(category, (LogEventLevel)level);
            // All actors share a category; they are told apart by their source.
            configuration.Filter.ByIncludingOnly(record => (int)record.Level >= (int)threshold.Settings.LevelOf(LogRecord.Source(record)));
            // A connection between nodes that ended is an error with a stack to its supervisor, whether it matters the cluster knows, and says; a port that cannot be bound whoever starts the node is told.
            configuration.Filter.ByExcluding(record => record.Exception is AkkaException { Message: "Disassociated" } or RemoteTransportException { InnerException: SocketException });
            // The members of the cluster say of which node it comes and that it leaves, and the start why it failed, in words of their own.
            configuration.Filter.ByExcluding(record => Elsewhere.Any(text => record.MessageTemplate.Text.Contains(text, StringComparison.Ordinal)));
            configuration.Filter.ByExcluding(record => record.MessageTemplate.Text.StartsWith("Coordinated shutdown phase", StringComparison.Ordinal) && LogRecord.MessageOf(record).Contains("[cluster-exiting] timed out", StringComparison.Ordinal));
            configuration.Filter.ByExcluding(ClusterPortLog.IsSaidElsewhere);
            var format = new ClusterPortLog(settings.Format == LogFormat.Json ? new JsonLog() : new LineLog());
            if (settings.Output is { } output)
                configuration.WriteTo.Sink(new LineSink(format, output));
            else
                configuration.WriteTo.Console(format, standardErrorFromLevel: LevelAlias.Minimum);
        },
        preserveStaticLogger: true);

    public void Format(LogEvent logEvent, TextWriter output)
    {
        output.Write(LogRecord.Time(logEvent));
        output.Write(' ');
        output.Write(logEvent.Level.ToString()[..4].ToUpperInvariant());
        output.Write(" [");
        output.Write(LogRecord.SourceBesideText(logEvent));
        output.Write("] ");
        // What peers and callers sent may stand in the text: it must not be able to start a line of its own.
        WriteOnOneLine(LogRecord.MessageOf(logEvent), output);
        if (logEvent.Exception is { } exception)
        {
            output.Write(" | ");
            WriteOnOneLine(exception.ToString(), output);
        }
        output.WriteLine();
    }

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

    private sealed class LineSink(ITextFormatter format, TextWriter output) : ILogEventSink
    {
        public void Emit(LogEvent logEvent)
        {
            lock (output)
                format.Format(logEvent, output);
        }
    }
}
