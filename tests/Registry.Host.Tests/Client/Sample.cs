namespace Registry.Host.Tests.Client;

/// <summary>The sample of <c>docs/http.md</c> and of the package's README: what stands between the markers there and here is the same, and compiles.</summary>
internal static class Sample
{
    public static async Task RunAsync(Uri url, string? key, string? offer)
    {
        // README
        using var gateway = new GatewayClient(new GatewayAddress(url, key));
        var tube = await gateway.CreateTubeAsync(new()
        {
            ConversationId = "session-7",
            Settings = TubeSettings.Of(new { conversationType = "tunnel", target_host = "10.0.0.5", target_port = 22 }),
            Offer = offer,
        });
        Console.WriteLine($"{tube.TubeId} is {tube.State}; give your peer connection {tube.Answer ?? tube.Offer}");
        await foreach (var signal in gateway.ReadSignalsAsync(tube.TubeId)) // until the tube is closed
            Console.WriteLine($"{signal.Sequence} {signal.Kind} {signal.State} {signal.Candidate} {signal.Text}");
        // README
    }
}
