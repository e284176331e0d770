using System.Diagnostics;

namespace Registry.Cluster.Tests;

/// <summary>Waits for what processes bring about.</summary>
internal static class Eventually
{
    /// <summary>Asks until it is so.</summary>
    public static async Task HoldsAsync(Func<Task<bool>> isSo, string what)
    {
        var waited = Stopwatch.StartNew();
        while (!await isSo())
        {
            waited.Elapsed.ShouldBeLessThan(ClusterProcess.Patience, $"It never came to be that {what}.");
            await Task.Delay(20);
        }
    }
}
