using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Actors.Tests.Embedding;

/// <summary>The README's sample: what stands between the markers there and here is the same, and compiles.</summary>
internal static class Sample
{
    public static async Task<RegistryReply> RunAsync(string[] args, string? offer)
    {
        // README
        var builder = Host.CreateApplicationBuilder(args);
        builder.Services.AddTubeRegistry();
        builder.Services.AddAkka("gateway", (akka, sp) => akka.WithTubeRegistry(options =>
        {
            options.MaxTubesPerOwner = 20;
            options.IdleTimeout = TimeSpan.FromMinutes(30);
            options.AllowTargets.Add("db.example:5432");
        }));
        using var host = builder.Build();
        await host.StartAsync();

        var registry = host.Services.GetRequiredService<ITubeRegistry>();
        var command = new CreateTube(new("session-7"), TunnelSettings.Dial("db.example", 5432)) { Offer = offer, Owner = "alice" };
        var reply = await registry.CreateAsync(command);
        if (reply is TubeCreated tube)
            Console.WriteLine($"{tube.TubeId} is {tube.State}; send the other side {tube.Answer ?? tube.Offer}");
        else if (reply is Refused { Retryable: true, RetryAfter: { } wait })
            Console.WriteLine($"try again in {wait.TotalSeconds} s");
        Console.WriteLine($"tubes: {registry.Directory.Count}, load: {registry.Capacity.LoadPercentage} %");
        await host.StopAsync(); // every tube's peer and subscribers hear why
        // README
        return reply;
    }
}
