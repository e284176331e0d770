namespace Registry.Host.Cli;

/// <summary>How far long work is, on standard error: one line that changes on a terminal, and elsewhere a line for each stage.</summary>
internal sealed class ProgressLine(CommandConsole console, string verb) : IDisposable
{
    private readonly Lock gate = new();
    private string? shown;

    /// <summary>Says what is done now.</summary>
    /// <param name="stage">The stage; elsewhere than on a terminal it is said once.</param>
    /// <param name="detail">How far the stage is, for a terminal.</param>
    public void Report(string stage, string detail = "")
    {
        lock (gate)
        {
            if (console.IsErrorTerminal)
                console.Error.Write($"\r\e[K{verb}: {stage} {detail}");
            else if (shown != stage)
                console.Error.WriteLine($"{verb}: {stage}");
            shown = stage;
        }
    }

    /// <summary>Takes the line away from a terminal.</summary>
    public void Dispose()
    {
        lock (gate)
            if (console.IsErrorTerminal && shown is not null)
                console.Error.Write("\r\e[K");
    }
}
