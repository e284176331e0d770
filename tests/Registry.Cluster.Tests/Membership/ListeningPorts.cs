using System.Globalization;

namespace Registry.Cluster.Tests.Membership;

/// <summary>What a process listens on, as the kernel of Linux says it.</summary>
internal static class ListeningPorts
{
    private const string Listening = "0A";

    public static int[] Of(int process)
    {
        var sockets = Directory.GetFiles($"/proc/{process}/fd").Select(file => File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name).ToHashSet();
        return [.. new[] { "tcp", "tcp6" }
            .SelectMany(table => File.ReadLines($"/proc/{process}/net/{table}").Skip(1))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(columns => columns[3] == Listening && sockets.Contains($"socket:[{columns[9]}]"))
            .Select(columns => int.Parse(columns[1].Split(':')[^1], NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
    }
}
