using System.Globalization;
using System.Text.Json;
using Registry.Host.Api;

namespace Registry.Host.Cli;

/// <summary>
/// What <c>forward</c> and <c>socks</c> write. Standard output says of each port, once, that it can be used, or as JSON of each tube that is ready; standard
/// error tells all that happens from then on.
/// </summary>
/// <param name="command">The command's name.</param>
/// <param name="output">Standard output.</param>
/// <param name="error">Standard error.</param>
/// <param name="json">Whether programs read the output.</param>
internal sealed class ForwardReport(string command, TextWriter output, TextWriter error, bool json) : IForwardReport
{
    // As the gateway's log begins its lines: what happens over hours has to be put beside it.
    private string Prefix => $"{DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)} {command}";

    public void Forwarding(ForwardReady ready)
    {
        if (json)
            output.WriteLine(JsonSerializer.Serialize(ready, ApiJson.Options));
        else if (ready.IsFirst)
            output.WriteLine(PlainText.Of($"{ready.Text} (tube {ready.TubeId}, {ready.Path})"));
        output.Flush();
        // Whoever reads there of a loss reads there of what followed.
        if (!ready.IsFirst && !ready.IsRenewal)
            Warn($"{ready.Listen}: now over tube {ready.TubeId} on {ready.Node} ({ready.Path}).");
    }

    public void Warn(string what)
    {
        error.WriteLine($"{Prefix}: {PlainText.Of(what)}");
        error.Flush();
    }
}
