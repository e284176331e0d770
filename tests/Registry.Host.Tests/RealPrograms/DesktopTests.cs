using System.Globalization;
using System.Text.RegularExpressions;
using Registry.Host.Security;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.RealPrograms;

/// <summary>The page's desktop panel in Chromium, against x11vnc on a screen of its own.</summary>
public sealed partial class DesktopTests
{
    private const string Text = "Typed in a browser: ABC xyz 0-9 <>|~ \"$\"";

    // A character of the font "fixed" is 6 by 13 pixels; the terminal's border takes 3.
    private const int Column = 20;
    private const int Row = 5;
    private const int X = 3 + (Column - 1) * 6 + 3;
    private const int Y = 3 + (Row - 1) * 13 + 6;

    [ProgramFact("chromium", "node", "Xvfb", "x11vnc", "xterm", NodePackage = "playwright-core")]
    public async Task Text_and_a_click_in_the_browser_arrive_at_a_program_on_the_remote_screen_which_is_seen()
    {
        using var folder = new TemporaryFolder();
        var vnc = Programs.FreeEndPoint();
        using var screen = Programs.Start("Xvfb", "-displayfd", "1", "-screen", "0", "640x400x24", "-nolisten", "tcp", "-noreset");
        var running = new List<System.Diagnostics.Process> { screen };
        try
        {
            _ = screen.StandardError.ReadToEndAsync();
            var display = $":{await screen.StandardOutput.ReadLineAsync().WaitAsync(Eventually.Patience)}";
            var received = folder.File("received");
            // The terminal reports clicks as text to what runs in it.
            running.Add(Programs.Start("xterm", "-display", display, "-fn", "fixed", "-geometry", "106x30+0+0", "-e", "/bin/sh", "-c", $"printf '\\033[?1000h\\033[?1006h'; exec cat > {received}"));
            await Eventually.BecomesAsync(true, () => File.Exists(received), "the terminal's program");
            var server = Programs.Start("x11vnc", "-display", display, "-localhost", "-noipv6", "-rfbport", $"{vnc.Port}", "-passwd", "secret", "-forever", "-noxdamage", "-wait", "10", "-defer", "5");
            running.Add(server);
            await Programs.WaitForLineAsync(server, "Listening for VNC connections");
            var (key, line) = ApiKeys.Create("browser", [Roles.Creator], "somebody");
            await File.WriteAllTextAsync(folder.File("keys"), line);
            await using var gateway = await RealGateway.WithKeysAsync(folder.File("keys"), "127.0.0.1:*");

            await Programs.RunAsync(Programs.Start("node", Script, gateway.Url.ToString(), vnc.ToString(), Programs.NodePackages, folder.File("screenshot.png"), Text, $"{X}", $"{Y}", "secret", key), Programs.ScriptPatience);

            await Eventually.BecomesAsync(2, () => File.ReadAllLines(received).Length, "lines that arrived");
            var lines = await File.ReadAllLinesAsync(received);
            lines[0].ShouldBe(Text);
            var clicks = Click().Matches(lines[1]);
            clicks.Select(click => click.Groups["edge"].Value).ShouldBe(["M", "m"]); // pressed and let go
            foreach (var click in clicks.AsEnumerable())
            {
                int.Parse(click.Groups["column"].Value, CultureInfo.InvariantCulture).ShouldBe(Column);
                int.Parse(click.Groups["row"].Value, CultureInfo.InvariantCulture).ShouldBe(Row);
            }
            new FileInfo(folder.File("screenshot.png")).Length.ShouldBePositive();
            await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tubes");
        }
        finally
        {
            foreach (var process in running)
                await Programs.EndAsync(process);
        }
    }

    private static string Script => Path.Combine(Programs.SourceFolder, "RealPrograms", "desktop.mjs");

    [GeneratedRegex(@"\x1b\[<0;(?<column>\d+);(?<row>\d+)(?<edge>[Mm])")]
    private static partial Regex Click();
}
