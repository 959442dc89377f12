"""The game in a window: pip install pygame-ce, then python desktop.py [URL]."""

import sys

import pygame
from game import HEIGHT, RADIUS, WIDTH, Game

KEYS = {
    "left": (pygame.K_LEFT, pygame.K_a),
    "right": (pygame.K_RIGHT, pygame.K_d),
    "up": (pygame.K_UP, pygame.K_w),
    "down": (pygame.K_DOWN, pygame.K_s),
}


def main(url):
    pygame.init()
    screen = pygame.display.set_mode((WIDTH, HEIGHT))
    font = pygame.font.Font(None, 24)
    clock = pygame.time.Clock()
    game = Game(url)
    while not any(event.type == pygame.QUIT for event in pygame.event.get()):
        held = pygame.key.get_pressed()
        game.frame({way for way, keys in KEYS.items() if any(held[key] for key in keys)})
        screen.fill("#f5f5f4")
        for x, y, colour, text in game.circles():
            pygame.draw.circle(screen, colour, (x, y), RADIUS)
            label = font.render(text, True, "white")
            screen.blit(label, label.get_rect(center=(x, y)))
        pygame.display.set_caption(game.status)
        pygame.display.flip()
        clock.tick(60)
    game.peer.close()
    game.frame(set())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8001/")
