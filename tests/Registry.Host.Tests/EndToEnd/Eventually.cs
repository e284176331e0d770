namespace Registry.Host.Tests.EndToEnd;

/// <summary>Waits for what other threads bring about.</summary>
internal static class Eventually
{
    /// <summary>Far beyond what any of it takes; reached only when it never happens.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task BecomesAsync<T>(T expected, Func<T> read, string what)
    {
        var deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!Equals(read(), expected) && Environment.TickCount64 < deadline)
            await Task.Delay(5);
        read().ShouldBe(expected, what);
    }
}
