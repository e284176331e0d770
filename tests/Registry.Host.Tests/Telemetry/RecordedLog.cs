using System.Text;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Telemetry;

/// <summary>What a gateway logs; actors hand their lines to a logger that writes them a little later.</summary>
internal sealed class RecordedLog : TextWriter
{
    private readonly StringBuilder text = new();

    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>How long a text takes to be written.</summary>
    public TimeSpan Pause { get; init; }

    public override void Write(char value)
    {
        lock (text)
            text.Append(value);
    }

    public override void Write(string? value)
    {
        if (Pause > TimeSpan.Zero)
            Thread.Sleep(Pause);
        lock (text)
            text.Append(value);
    }

    public override void WriteLine(string? value) => Write(value + "\n");

    public override string ToString()
    {
        lock (text)
            return text.ToString();
    }

    /// <summary>The lines, once they are what is waited for.</summary>
    public async Task<string[]> UntilAsync(Func<string, bool> wanted)
    {
        await Eventually.BecomesAsync(true, () => wanted(ToString()), ToString());
        return ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
